import { expect, test } from "vitest";
import {
  askEngineTraits,
  chooseWay,
  type EngineTraits,
  type ImageWish,
} from "../../src/docker/engine-images.ts";
import { realClock } from "../../src/host/real-host.ts";
import { testHost } from "../deploy/compose/fixtures.ts";
import { fakeDocker } from "./fake-docker.ts";

const spark: EngineTraits = {
  address: "unix:///var/run/docker.sock",
  podman: false,
  rootless: false,
  desktop: false,
};
const plain: ImageWish = { pullPolicy: null, builds: false, pinned: false };

test.each<[string, Partial<EngineTraits>]>([
  ["its usual socket", {}],
  ["a socket elsewhere on this machine", { address: "unix:///tmp/engine/docker.sock" }],
])("an engine with %s gets images from heros as a registry", (_name, traits) => {
  expect(chooseWay(plain, { ...spark, ...traits })).toEqual({ way: "registry", reason: null });
});

test.each<[Partial<ImageWish>, Partial<EngineTraits> | null, string, RegExp]>([
  [{}, null, "pull", /does not say/],
  [{}, { address: null }, "pull", /not at a socket/],
  [{}, { address: "ssh://me@spark" }, "pull", /another machine/],
  [{}, { address: "tcp://10.0.0.4:2376" }, "pull", /another machine/],
  [{}, { address: "tcp://127.0.0.1:2375" }, "pull", /not at a socket/],
  [{}, { rootless: true }, "pull", /rootless/],
  [{}, { podman: true }, "pull", /Podman/],
  [{}, { desktop: true }, "load", /virtual machine/],
  [{ pinned: true }, {}, "pull", /digest/],
  [{ pullPolicy: "missing" }, {}, "registry", /^null$/],
  [{ pullPolicy: "if_not_present" }, {}, "registry", /^null$/],
  [{ pullPolicy: "always" }, {}, "pull", /pull_policy: always/],
  [{ pullPolicy: "daily" }, {}, "pull", /pull_policy: daily/],
  [{ pullPolicy: "every_12h" }, {}, "pull", /pull_policy: every_12h/],
  [{ pullPolicy: "never" }, {}, "none", /never/],
  [{ pullPolicy: "build" }, {}, "none", /builds/],
  [{ builds: true }, {}, "none", /builds/],
  [{ builds: true, pullPolicy: "always" }, null, "none", /builds/],
])("%j on %j is a %s", (wish, traits, way, reason) => {
  const engine = traits === null ? null : { ...spark, ...traits };
  const chosen = chooseWay({ ...plain, ...wish }, engine);
  expect(chosen.way).toBe(way);
  expect(String(chosen.reason)).toMatch(reason);
});

/** What docker printed where each was tried: Docker 20.10 and 26.1 on Debian, and Podman 5.4 at its own socket. */
const printed = {
  usual: {
    info: `{"ID":"N7IW","Driver":"overlay2","DriverStatus":[["Backing Filesystem","extfs"],["Supports d_type","true"]],"OperatingSystem":"Debian GNU/Linux 12 (bookworm)","DockerRootDir":"/var/lib/docker","RegistryConfig":{"Mirrors":[]},"ServerVersion":"20.10.24+dfsg1","Runtimes":{"runc":{"path":"runc"}},"SecurityOptions":["name=apparmor","name=seccomp,profile=default"],"Warnings":null}`,
    server: `{"Platform":{"Name":""},"Components":[{"Name":"Engine","Version":"20.10.24+dfsg1","Details":{"ApiVersion":"1.41"}},{"Name":"containerd","Version":"1.6.20~ds1"},{"Name":"runc","Version":"1.1.5+ds1"},{"Name":"docker-init","Version":"0.19.0"}],"Version":"20.10.24+dfsg1","ApiVersion":"1.41"}`,
  },
  rootless: {
    info: `{"ID":"2c8f5e32","Driver":"overlay2","DriverStatus":[["Backing Filesystem","extfs"],["Supports d_type","true"],["Using metacopy","false"],["Native Overlay Diff","false"],["userxattr","true"]],"CgroupDriver":"none","OperatingSystem":"Debian GNU/Linux 13 (trixie)","RegistryConfig":{"InsecureRegistryCIDRs":["127.0.0.0/8"],"Mirrors":null},"DockerRootDir":"/home/ann/.local/share/docker","ServerVersion":"26.1.5+dfsg1","Runtimes":{"io.containerd.runc.v2":{"path":"runc"},"runc":{"path":"runc"}},"SecurityOptions":["name=seccomp,profile=builtin","name=rootless"],"CDISpecDirs":[],"Warnings":["WARNING: Running in rootless-mode without cgroups. To enable cgroups in rootless-mode, you need to boot the system in cgroup v2 mode."]}`,
    server: `{"Platform":{"Name":""},"Components":[{"Name":"Engine","Version":"26.1.5+dfsg1","Details":{"ApiVersion":"1.45"}},{"Name":"rootlesskit","Version":"2.3.4"}],"Version":"26.1.5+dfsg1","ApiVersion":"1.45"}`,
  },
  podman: {
    info: `{"ID":"daed5cb5","Driver":"overlay","DriverStatus":[["Backing Filesystem","extfs"],["Supports d_type","true"],["Native Overlay Diff","true"],["Using metacopy","false"],["Supports shifting","true"],["Supports volatile","true"]],"OperatingSystem":"debian","OSType":"linux","Architecture":"amd64","RegistryConfig":{"IndexConfigs":{},"InsecureRegistryCIDRs":[],"Mirrors":[]},"DockerRootDir":"/var/lib/containers/storage","Name":"vm","ServerVersion":"5.4.2","CgroupDriver":"cgroupfs","SecurityOptions":["name=seccomp,profile=default"],"CDISpecDirs":null,"Warnings":[],"Runtimes":{"crun":{"path":"/usr/bin/crun"},"runc":{"path":"/usr/bin/runc"}}}`,
    server: `{"Platform":{"Name":"linux/amd64/debian-13"},"Components":[{"Name":"Podman Engine","Version":"5.4.2","Details":{"APIVersion":"5.4.2"}},{"Name":"Conmon","Version":"conmon version 2.1.12, commit: unknown"},{"Name":"OCI Runtime (runc)","Version":"runc version 1.1.15+ds1"},{"Name":"Engine","Version":"5.4.2","Details":{"ApiVersion":"1.41"}}],"Version":"5.4.2","ApiVersion":"1.41"}`,
  },
};

test.each([
  ["its usual socket", "usual", "unix:///var/run/docker.sock", "registry", null],
  ["a rootless engine", "rootless", "unix:///run/user/1000/docker.sock", "pull", /rootless/],
  ["Podman behind Docker's command", "podman", "unix:///run/podman/podman.sock", "pull", /Podman/],
  ["another machine", "usual", "ssh://me@spark", "pull", /another machine/],
  ["a port of this machine", "usual", "tcp://127.0.0.1:2375", "pull", /not at a socket/],
] as const)("an image for %s gets there as what docker prints there says", async (...named) => {
  const [, engine, address, way, reason] = named;
  const { info, server } = printed[engine];
  const docker = await fakeDocker(`
case "$*" in
"info "*) cat <<'INFO'
${info}
INFO
;;
"version "*) echo '${server}' ;;
*) exit 1 ;;
esac`);
  const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin`, DOCKER_HOST: address });
  const asked = await askEngineTraits({
    host: { ...host, clock: realClock },
    signal: new AbortController().signal,
    limitMs: 30_000,
  });
  const chosen = chooseWay(plain, asked?.traits ?? null);
  expect(chosen.way).toBe(way);
  if (reason !== null) expect(chosen.reason).toMatch(reason);
});
