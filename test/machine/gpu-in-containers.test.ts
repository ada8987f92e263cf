import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { tryGpuInContainer } from "../../src/machine/gpu-in-containers.ts";
import { realClock } from "../../src/host/real-host.ts";
import { fakeDocker, type FakeDocker } from "../docker/fake-docker.ts";
import { testProbe } from "./test-host.ts";

const image = { image: "core:1", engineId: "sha256:0a" };

async function tryWith(docker: FakeDocker): ReturnType<typeof tryGpuInContainer> {
  return tryGpuInContainer(testProbe({ env: { PATH: docker.bin } }), image);
}

describe("a container that asks for the GPU", () => {
  it("sees it: it has no network, pulls nothing and is removed at its end", async () => {
    const docker = await fakeDocker("echo 'GPU 0: NVIDIA GB10 (UUID: GPU-0a)'");
    expect(await tryWith(docker)).toEqual({ image: "core:1", failure: null });
    expect(await docker.calls()).toEqual([
      expect.stringMatching(
        /^run --rm --name heros-gpu-\S+ --pull never --network none --gpus all --entrypoint nvidia-smi sha256:0a -L$/u,
      ),
    ]);
  });

  it.each([
    `docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]]`,
    "docker: Error response from daemon: failed to discover GPU vendor from CDI: no known GPU vendor found",
    "docker: Error response from daemon: CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=all",
    "docker: Error response from daemon: unknown or invalid runtime name: nvidia",
    "nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown",
  ])("is refused it: %s", async (said) => {
    const docker = await fakeDocker(
      `echo '${said}' >&2; echo "Run 'docker run --help' for more information" >&2; exit 125`,
    );
    const trial = await tryWith(docker);
    expect(trial?.failure).toMatchObject({ code: "docker.gpu_unavailable", exitCode: 4 });
    expect(trial?.failure?.message).toBe(
      `Containers can't use the GPU. Docker says: ${said.replace("docker: Error response from daemon: ", "")}`,
    );
  });

  it.each([
    `echo 'exec: "nvidia-smi": executable file not found in $PATH: unknown' >&2; exit 127`,
    "echo 'No devices were found'",
    "echo 'no space left on device' >&2; exit 125",
  ])("says nothing of it where something else stops it: %s", async (script) => {
    expect(await tryWith(await fakeDocker(script))).toBeNull();
  });

  it("that hangs is stopped and removed by its name", async () => {
    const docker = await fakeDocker(
      `case "$1" in run) echo $$ >"$log.pid"; exec /bin/sleep 3600 ;; esac`,
    );
    let ring = (): void => {};
    const rung = new Promise<void>((resolve) => (ring = resolve));
    const probe = testProbe({
      env: { PATH: docker.bin },
      clock: { ...realClock, sleep: () => rung },
    });
    const trial = tryGpuInContainer(probe, image);
    const pidFile = path.join(docker.bin, "calls.pid");
    await expect
      .poll(() => readFile(pidFile, "utf8").catch(() => ""), { timeout: 240_000 })
      .not.toBe("");
    ring();
    expect(await trial).toBeNull();
    const [run = "", remove] = await docker.calls();
    const name = / --name (\S+) /u.exec(run)?.[1] ?? "";
    expect(remove).toBe(`rm --force ${name}`);
    const pid = Number(await readFile(pidFile, "utf8"));
    await expect.poll(() => isThere(pid), { timeout: 240_000 }).toBe(false);
  });
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
