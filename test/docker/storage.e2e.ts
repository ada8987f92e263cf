import { herOs } from "../her-os.ts";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { findVolumes } from "../../src/commands/setup/find-volumes.ts";
import { realClock } from "../../src/host/real-host.ts";
import { testHost } from "../deploy/compose/fixtures.ts";
import { freePort } from "../host/free-port.ts";
import { docker, ofType } from "./run-heros.ts";
import { openScene } from "./scene.ts";
import { isOnline, mountOfAnnie, volumeName } from "./storage.ts";

const places = { storage: true } as const;

/** A volume as compose made it for an earlier install. @returns its folder */
async function makeVolume(name: string): Promise<string> {
  const labels = ["project=her-os", "volume=model-cache"].flatMap((label) => [
    "--label",
    `com.docker.compose.${label}`,
  ]);
  await docker(["volume", "create", ...labels, name]);
  const inspected = ["volume", "inspect", "--format", "{{.Mountpoint}}", name];
  return (await docker(inspected)).trim();
}

test("models are kept in a Docker volume that heros makes, and every command finds them there", async () => {
  const name = volumeName();
  const scene = await openScene(places);
  const flags = [`--port=${await freePort()}`, "--tiers=1"];
  isOnline(await scene.setup([...flags, `--storage=volume:${name}`]));
  expect(await mountOfAnnie(scene)).toMatchObject({ Type: "volume", Name: name, RW: false });

  // The answers say where, without the flag.
  const written = path.join(scene.stackDir, "docker-compose.heros.yml");
  const before = await readFile(written, "utf8");
  scene.hub.forgetRequests();
  isOnline(await scene.setup(flags));
  expect((await scene.pull([])).exitCode).toBe(0);
  expect(scene.hub.sentBytes()).toBe(0);
  expect(await readFile(written, "utf8")).toBe(before);
});

test("the model-cache volume of an earlier install is used as it is", async () => {
  const name = volumeName();
  const scene = await openScene(places);
  const folder = await makeVolume(name);
  const filled = await openScene({ cacheDir: folder });
  expect((await filled.pull([`--endpoint=${scene.hub.endpoint}`])).exitCode).toBe(0);
  const { PATH = "", DOCKER_HOST = "", DOCKER_CONFIG = "" } = process.env;
  const host = { ...testHost({ PATH, DOCKER_HOST, DOCKER_CONFIG }), clock: realClock };
  const asked = { stack: herOs.stack, stackDir: scene.stackDir };
  const found = await findVolumes({ host, signal: new AbortController().signal }, asked);
  expect(found).toMatchObject([{ name, bytes: expect.any(Number) as number }]);
  expect(found[0]?.bytes).toBeGreaterThan(1_000_000);

  const unasked = await scene.setup(["--tiers=1", "--dry-run"]);
  expect(ofType(unasked, "notice")).toContainEqual(
    expect.objectContaining({
      code: "storage.volume_found",
      hint: expect.stringContaining(`--storage volume:${name}`) as string,
    }),
  );

  scene.hub.forgetRequests();
  const flags = [`--port=${await freePort()}`, "--tiers=1", `--storage=volume:${name}`];
  const run = await scene.setup(flags);
  isOnline(run);
  expect(scene.hub.sentBytes()).toBe(0);
  expect(await mountOfAnnie(scene)).toMatchObject({ Name: name, Source: folder });
});

test("a volume whose folder is closed is looked into, filled and verified through a container", async () => {
  const name = volumeName();
  const scene = await openScene(places);
  const root = (await docker(["info", "--format", "{{.DockerRootDir}}"])).trim();
  const by = ["unshare", "--mount", "sh", "-c", closeFolder, path.join(root, "volumes")];
  const flags = [`--port=${await freePort()}`, "--tiers=1"];
  const given = [...flags, `--storage=volume:${name}`];
  const planned = await scene.start("setup", [...given, "--dry-run"], { by }).ended;
  expect(planned.exitCode).toBe(0);
  expect(await docker(["volume", "ls", "--quiet"])).not.toContain(name);

  isOnline(await scene.start("setup", given, { by }).ended);
  expect(await mountOfAnnie(scene)).toMatchObject({ Type: "volume", Name: name, RW: false });
  const own = await docker(["volume", "inspect", "--format", "{{.Mountpoint}}", name]);
  const names = await readdir(own.trim());
  expect(names).toContain("models--Qwen--Qwen3-Embedding-0.6B");

  // Without the flag, the answers say where; nothing is fetched a second time, and no container is left.
  scene.hub.forgetRequests();
  isOnline(await scene.start("setup", flags, { by }).ended);
  expect((await scene.start("pull", [], { by }).ended).exitCode).toBe(0);
  expect(scene.hub.sentBytes()).toBe(0);
  await expect
    .poll(() => docker(["ps", "--quiet", "--filter", "ancestor=heros-volume:1"]), {
      timeout: 20_000,
    })
    .toBe("");
});

test("a warm-up finds in a closed volume what heros put there, and a second setup changes nothing", async () => {
  const name = volumeName();
  const scene = await openScene(places);
  const root = (await docker(["info", "--format", "{{.DockerRootDir}}"])).trim();
  const by = ["unshare", "--mount", "sh", "-c", closeFolder, path.join(root, "volumes")];
  const flags = [`--port=${await freePort()}`, "--startup=warmup"];
  isOnline(await scene.start("setup", [...flags, `--storage=volume:${name}`], { by }).ended);
  const core = ["compose", "ps", "-q", "her-os-core"];
  const id = await docker(core, scene.stackDir);
  scene.hub.forgetRequests();
  const again = await scene.start("setup", flags, { by }).ended;
  isOnline(again);
  expect(new Set(ofType(again, "file.written").map(({ action }) => action))).toEqual(
    new Set(["unchanged"]),
  );
  expect(await docker(core, scene.stackDir)).toBe(id);
  expect(scene.hub.sentBytes()).toBe(0);
});

test("a pull into a volume that is not there makes it", async () => {
  const name = volumeName();
  const scene = await openScene(places);
  const run = await scene.pull([], { env: { HEROS_STORAGE: `volume:${name}` } });
  expect(run.exitCode).toBe(0);
  expect(await docker(["volume", "ls", "--quiet"])).toContain(name);
});

test("a container of another user reads what was downloaded under a umask of 077", async () => {
  const scene = await openScene({
    ...places,
    change: (base) => base.replace("  her-os-core:\n", '  her-os-core:\n    user: "1001:1001"\n'),
  });
  const by = ["sh", "-c", 'umask 077 && exec "$@"', "sh"];
  const flags = [`--port=${await freePort()}`, "--tiers=1"];
  // What is there already is as closed as what is to come.
  const first = await scene.start("pull", [], { by }).ended;
  expect(first.exitCode).toBe(0);
  isOnline(await scene.start("setup", flags, { by }).ended);
  const user = ["compose", "exec", "-T", "her-os-core", "cat", "/proc/self/status"];
  expect(await docker(user, scene.stackDir)).toMatch(/Uid:\t1001\t/);
});

test("models are taken over into each other place that is chosen, and downloaded once", async () => {
  const name = volumeName();
  // Another disk, where nothing can be linked.
  const disk = await mkdtemp("/dev/shm/heros-test-");
  onTestFinished(() => rm(disk, { recursive: true, force: true }));
  const scene = await openScene(places);
  const flags = [`--port=${await freePort()}`, "--tiers=1"];
  isOnline(await scene.setup(flags));
  scene.hub.forgetRequests();
  for (const storage of ["stack-dir", `volume:${name}`, `${disk}/models`, "hub-cache"]) {
    const run = await scene.setup([...flags, `--storage=${storage}`]);
    isOnline(run);
    expect([storage, scene.hub.sentBytes()]).toEqual([storage, 0]);
    expect(ofType(run, "file.verified")).toEqual([]);
  }
  expect(await mountOfAnnie(scene)).toMatchObject({ Type: "bind" });
  const root = (await docker(["info", "--format", "{{.DockerRootDir}}"])).trim();
  await docker(["compose", "down", "--timeout", "1"], scene.stackDir);
  await docker(["volume", "rm", name]);
  const by = ["unshare", "--mount", "sh", "-c", closeFolder, path.join(root, "volumes")];
  const given = [...flags, `--storage=volume:${name}`];
  isOnline(await scene.start("setup", given, { by }).ended);
  expect(scene.hub.sentBytes()).toBe(0);
});

test("an NFS export that is mounted here is filled here, and compose makes a volume of it", async () => {
  const scene = await openScene(places);
  const mounted = path.join(path.dirname(scene.stackDir), "nas");
  await mkdir(path.join(mounted, "models"), { recursive: true });
  // No NFS here: the kernel's table is what heros goes by.
  const table = await readFile("/proc/self/mountinfo", "utf8");
  const row = `900 1 0:99 / ${mounted} rw - nfs4 nas.test:/export rw,addr=192.0.2.7`;
  const faked = path.join(path.dirname(scene.stackDir), "mountinfo");
  await writeFile(faked, `${table}${row}\n`);
  const env = { HEROS_STORAGE: "nfs:nas.test:/export/models" };
  const by = ["unshare", "--mount", "sh", "-c", bindTable, faked];
  const flags = [
    `--port=${await freePort()}`,
    "--tiers=1",
    "--storage=nfs:nas.test:/export/models",
  ];
  const plan = await scene.start("setup", [...flags, "--dry-run"], { by }).ended;
  expect(ofType(plan, "plan.ready")).toMatchObject([{ cacheDir: path.join(mounted, "models") }]);
  const pulled = await scene.start("pull", [], { by, env }).ended;
  expect(pulled.exitCode).toBe(0);
  expect(await readdir(path.join(mounted, "models"))).toContain(
    "models--Qwen--Qwen3-Embedding-0.6B",
  );
  const diff = ofType(plan, "plan.ready")[0]?.files.find(({ path: file }) =>
    file.endsWith("docker-compose.heros.yml"),
  )?.diff;
  const text = (diff ?? "")
    .split("\n")
    .filter((line) => line.startsWith("+") && !line.startsWith("+++"));
  const override: unknown = parse(text.map((line) => line.slice(1)).join("\n"));
  expect(Object.values((override as { volumes: object }).volumes)).toEqual([
    {
      driver: "local",
      driver_opts: { type: "nfs", o: "addr=nas.test,nolock,soft,rw", device: ":/export/models" },
    },
  ]);
});

test("an NFS export that is not mounted here is refused before anything is written", async () => {
  const scene = await openScene(places);
  const before = await scene.files();
  const run = await scene.setup(["--storage=nfs:nas.test:/export/models", "--tiers=1"]);
  expect(run.events.at(-1)).toMatchObject({ code: "cache.out_of_reach", exitCode: 1 });
  expect(await scene.files()).toEqual(before);
});

/** Root without the right to open what is closed, and to whom the engine's volumes are. */
const closeFolder =
  'mount -t tmpfs -o mode=000 none "$0" && exec setpriv --bounding-set=-dac_override,-dac_read_search "$@"';

/** Lays a table of mounts over that of the process that heros becomes. */
const bindTable = 'mount --bind "$0" /proc/$$/mountinfo && exec "$@"';
