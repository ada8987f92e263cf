import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  askGpuAccess,
  type DockerAnswer,
  type EngineError,
  type EnginePlace,
  inDockerGroup,
  isNvidiaSpecification,
  parseDockerInfo,
} from "../../src/docker/engine.ts";
import { parseComposeVersion } from "../../src/docker/compose.ts";
import { assessCompose, assessDocker, assessGpuAccess } from "../../src/checks/docker.ts";
import type { Finding } from "../../src/checks/finding.ts";
import { failure } from "../../src/run/failures/table.ts";
import { fixture, notInstalled, ran } from "../machine/fixture.ts";
import { testProbe } from "../machine/test-host.ts";

const limitMs = 4000;
const temporary: string[] = [];

afterEach(async () => {
  await Promise.all(temporary.splice(0).map((folder) => rm(folder, { recursive: true })));
});

const socket = "unix:///var/run/docker.sock";
const silent = fixture("docker/down.json");
const running = parseDockerInfo(ran(fixture("docker/29-cdi.json")));

describe("docker info", () => {
  it("tells version, folder, store and CDI devices of a running engine", () => {
    expect(running).toEqual({
      state: "running",
      info: {
        version: "29.2.1",
        rootDir: "/var/lib/docker",
        containerdImages: true,
        rootless: false,
        desktop: false,
        runtimes: ["io.containerd.runc.v2", "runc"],
        registryMirrors: [],
        cdiDevices: ["nvidia.com/gpu=0", "nvidia.com/gpu=all"],
        cdiSpecDirs: ["/etc/cdi", "/var/run/cdi"],
      },
    });
  });

  it("names the mirrors of Docker Hub in the engine's order", () => {
    const registries = {
      Mirrors: ["https://mirror.example.org/", "http://127.0.0.1:5000/"],
      IndexConfigs: { "docker.io": { Name: "docker.io", Secure: true, Official: true } },
    };
    const stdout = JSON.stringify({ ServerVersion: "20.10.24", RegistryConfig: registries });
    expect(parseDockerInfo(ran(stdout))).toMatchObject({
      info: { registryMirrors: registries.Mirrors },
    });
    const odd = JSON.stringify({ ServerVersion: "20.10.24", RegistryConfig: { Mirrors: [1] } });
    expect(parseDockerInfo(ran(odd))).toMatchObject({ info: { registryMirrors: [] } });
  });

  it("is not put off by warnings of a running engine", () => {
    const stderr =
      "WARNING: Error loading config file: open /root/.docker/config.json: permission denied\n";
    expect(parseDockerInfo(ran(fixture("docker/28-runtime.json"), { stderr }))).toMatchObject({
      state: "running",
      info: { version: "28.3.3", containerdImages: false },
    });
  });

  it.each([
    [
      "28",
      `Cannot connect to the Docker daemon at ${socket}. Is the docker daemon running?`,
      socket,
    ],
    [
      "29",
      `failed to connect to the docker API at ${socket}; check if the path is correct and if the daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory`,
      socket,
    ],
    [
      "a remote one",
      "Cannot connect to the Docker daemon at tcp://10.0.0.7:2375. Is the docker daemon running?",
      "tcp://10.0.0.7:2375",
    ],
  ])("knows a daemon that is down, in the words of version %s", (_version, stderr, where) => {
    expect(parseDockerInfo(ran(silent, { stderr, exitCode: 1 }))).toEqual({
      state: "unusable",
      error: { kind: "down", address: where },
      place: null,
    });
  });

  it("finds the reason in the JSON too, where older ones put it and end with status 0", () => {
    const stdout = `{"ID":"","ServerErrors":["Cannot connect to the Docker daemon at ${socket}. Is the docker daemon running?"]}`;
    expect(parseDockerInfo(ran(stdout))).toMatchObject({
      error: { kind: "down", address: socket },
    });
  });

  it.each([
    `permission denied while trying to connect to the docker API at ${socket}`,
    `permission denied while trying to connect to the Docker daemon socket at ${socket}: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/info": dial unix /var/run/docker.sock: connect: permission denied`,
    `Got permission denied while trying to connect to the Docker daemon socket at ${socket}`,
  ])("knows a socket that is out of bounds: %s", (stderr) => {
    expect(parseDockerInfo(ran(silent, { stderr, exitCode: 1 }))).toMatchObject({
      error: { kind: "denied" },
    });
  });

  it("keeps what it does not know for the person", () => {
    expect(parseDockerInfo(ran("", { stderr: "context canceled\n", exitCode: 1 }))).toEqual({
      state: "unclear",
      reason: "context canceled",
    });
    expect(parseDockerInfo(ran("Host:\n  arch: arm64\n"))).toEqual({
      state: "unclear",
      reason: "nothing that a Docker engine says",
    });
  });
});

function unusable(what: EngineError, place: EnginePlace | null = null): DockerAnswer {
  return { state: "unusable", error: what, place };
}

function check(answer: DockerAnswer, grouped = false): Finding {
  return assessDocker(answer, { grouped, limitMs });
}

describe("the engine check", () => {
  it("names the version", () => {
    expect(check(running)).toEqual({ status: "ok", found: "Docker 29.2.1" });
  });

  it.each([
    ["docker.missing", { state: "missing" }, "curl -fsSL https://get.docker.com | sudo sh"],
    [
      "docker.daemon_down",
      unusable({ kind: "down", address: socket }),
      "sudo systemctl start docker",
    ],
    [
      "docker.no_permission",
      unusable({ kind: "denied" }),
      "sudo usermod -aG docker $USER, then log out and back in",
    ],
  ] as const)("%s has the command that mends it", (code, answer, remedy) => {
    const finding = check(answer);
    expect(finding).toMatchObject({ status: "failed", remedy, failure: { code, exitCode: 4 } });
    expect(finding.failure?.hint).toContain(remedy);
  });

  it("asks only for a new login where the group is right already", () => {
    expect(check(unusable({ kind: "denied" }), true).remedy).toMatch(/^Log out and back in/);
  });

  it("fails where it does not answer in time, for nothing that needs it would go on", () => {
    expect(check({ state: "late" })).toMatchObject({
      status: "failed",
      remedy: "sudo systemctl restart docker",
      failure: { code: "docker.no_answer", exitCode: 4 },
    });
  });

  it("only warns where it can't tell", () => {
    const finding = check({ state: "unclear", reason: "?" });
    expect(finding).toMatchObject({ status: "warning" });
    expect(finding.failure).toBeUndefined();
  });

  it.each([
    ["ann", "docker:x:988:bob,ann\n", true],
    ["ann", "docker:x:988:bob,anna\n", false],
    ["ann", "dockerroot:x:988:ann\n", false],
  ])("reads whether %s is in %j", async (USER, group, expected) => {
    const probe = testProbe({ env: { USER }, texts: { "/etc/group": `root:x:0:\n${group}` } });
    expect(await inDockerGroup(probe)).toBe(expected);
  });
});

describe("docker compose version", () => {
  it.each([
    ["2.40.3\n", "2.40.3", "ok"],
    ["v5.2.0\n", "5.2.0", "ok"],
    ["2.24.4\n", "2.24.4", "ok"],
    ["2.26.1-4\n", "2.26.1-4", "ok"],
    ["dev\n", "dev", "ok"],
    ["2.24.3\n", "2.24.3", "warning"],
    ["2.3.3\n", "2.3.3", "warning"],
  ])("%j is version %s: %s", (stdout, version, status) => {
    const answer = parseComposeVersion(ran(stdout));
    expect(answer).toEqual({ state: "there", version });
    expect(assessCompose(answer, { limitMs }).status).toBe(status);
  });

  it.each([
    [1, "docker: 'compose' is not a docker command.\nSee 'docker --help'"],
    [1, "docker: unknown command: docker compose\n\nRun 'docker --help' for more information"],
    [125, "unknown shorthand flag: 'f' in -f\nSee 'docker --help'."],
    [125, "unknown flag: --short\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]"],
    [0, "Usage:  docker [OPTIONS] COMMAND"],
  ])("is missing where docker ends with %d and %j", (exitCode, text) => {
    const answer = parseComposeVersion(ran(exitCode === 0 ? text : "", { exitCode, stderr: text }));
    expect(assessCompose(answer, { limitMs })).toMatchObject({
      status: "failed",
      remedy: "sudo apt-get install docker-compose-plugin",
      failure: { code: "compose.missing", exitCode: 4 },
    });
  });

  it("is no second problem where Docker itself is missing, and none where it hangs", () => {
    expect(assessCompose(parseComposeVersion(notInstalled), { limitMs })).toEqual({
      status: "skipped",
      found: "Docker is not installed",
    });
    expect(assessCompose({ state: "late" }, { limitMs })).toEqual({
      status: "warning",
      found: "docker compose: no answer within 4 s",
    });
  });
});

describe("the GPU in containers", () => {
  const older = parseDockerInfo(ran(fixture("docker/28-runtime.json")));

  it("is reached by CDI where the engine lists its devices", async () => {
    expect(await askGpuAccess(testProbe(), running)).toBe("cdi");
  });

  it("is reached by CDI where a specification lies ready", async () => {
    const cdi = await mkdtemp(path.join(tmpdir(), "heros-cdi-"));
    temporary.push(cdi);
    await writeFile(path.join(cdi, "nvidia.yaml"), fixture("docker/nvidia.yaml"));
    const info =
      older.state === "running" ? { ...older.info, cdiSpecDirs: [cdi, "/no/such/folder"] } : null;
    expect(info).not.toBeNull();
    if (info !== null)
      expect(await askGpuAccess(testProbe(), { state: "running", info })).toBe("cdi");
  });

  it("is reached by the runtime where there is one", async () => {
    const bare = older.state === "running" ? { ...older.info, cdiSpecDirs: [] } : null;
    expect(bare).not.toBeNull();
    if (bare === null) return;
    expect(await askGpuAccess(testProbe(), { state: "running", info: bare })).toBe("runtime");
    expect(
      await askGpuAccess(testProbe(), { state: "running", info: { ...bare, runtimes: ["runc"] } }),
    ).toBe("none");
  });

  it.each([
    ['{"cdiVersion": "0.5.0",\n "kind": "nvidia.com/gpu",\n "devices": []}', true],
    ["kind: vendor.com/net\n", false],
    ["kind: nvidia.com/gpu-like\n", false],
  ])("knows NVIDIA's specification: %j", (text, expected) => {
    expect(isNvidiaSpecification(text)).toBe(expected);
  });

  it("is checked where a container saw it, and refused where docker refused it", () => {
    const asked = { docker: "running", hasGpu: true } as const;
    const seen = { image: "core:1", failure: null };
    expect(assessGpuAccess("cdi", { ...asked, trial: seen })).toEqual({
      status: "ok",
      found: "available to containers (checked with core:1)",
    });
    const refusal = failure("docker.gpu_unavailable", { said: "no" });
    expect(
      assessGpuAccess("cdi", { ...asked, trial: { ...seen, failure: refusal } }),
    ).toMatchObject({ status: "failed", failure: { code: "docker.gpu_unavailable" } });
    expect(assessGpuAccess("cdi", { ...asked, trial: null }).found).toBe(
      "available to containers (CDI)",
    );
  });

  it("warns where there is a GPU and no way to it, and never stops the run", () => {
    const finding = assessGpuAccess("none", { docker: "running", hasGpu: true });
    expect(finding.status).toBe("warning");
    expect(finding.remedy).toContain("nvidia-container-toolkit");
    expect(finding.failure).toBeUndefined();
    expect(assessGpuAccess("none", { docker: "running", hasGpu: false }).remedy).toBeUndefined();
    expect(assessGpuAccess("none", { docker: "unusable", hasGpu: true }).found).toContain(
      "Docker is not running",
    );
  });
});
