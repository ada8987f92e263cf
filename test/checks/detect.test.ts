import { herOs } from "../her-os.ts";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { consentFailure, detectMachine } from "../../src/checks/detect.ts";
import { freePort } from "../host/free-port.ts";
import { fixture } from "../machine/fixture.ts";
import { look, startHub, startServer, tryHubOn } from "../machine/look.ts";
import { bare, spark, system } from "../machine/machines.ts";
import { testHost } from "../machine/test-host.ts";

describe("a DGX Spark", () => {
  it("is in order", async () => {
    const { machine, checks, problems, hubFailure, events } = await look(spark);
    expect(checks.map(({ id, status }) => `${id} ${status}`)).toEqual([
      "cpu ok",
      "product ok",
      "gpu ok",
      "memory ok",
      "disk.models ok",
      "disk.images ok",
      "docker.engine ok",
      "docker.compose ok",
      "docker.gpu ok",
      "port ok",
      "clashes skipped",
      "hub ok",
    ]);
    expect(problems).toEqual([]);
    expect(hubFailure).toBeNull();
    expect(consentFailure(machine, false)).toBeNull();
    expect(machine).toMatchObject({
      arch: "aarch64",
      product: "NVIDIA DGX Spark",
      spark: true,
      cpuCount: 20,
      gpu: { name: "NVIDIA GB10", driver: "580.142", unified: true, memoryBytes: null },
      memoryBytes: 127_535_084 * 1024,
      docker: {
        engineVersion: "29.2.1",
        composeVersion: "2.40.3",
        rootDir: "/var/lib/docker",
        gpuAccess: "cdi",
      },
      hub: { reachable: true },
    });
    expect(machine.disks.map(({ purpose, device, nvme }) => [purpose, device, nvme])).toEqual([
      ["models", "nvme0n1p2", true],
      ["images", "nvme0n1p2", true],
      ["stack", "nvme0n1p2", true],
    ]);
    expect(events.at(-1)).toEqual({ type: "machine.detected", ...machine });
  });

  it("keeps its serial numbers to itself", async () => {
    const told = JSON.stringify(await look(spark));
    expect(told).not.toContain("1234567890123");
    expect(told).not.toContain("1983925020080");
  });

  it("tells each check's beginning before any ends", async () => {
    const { events, checks } = await look(spark);
    const types = events.map(({ type }) => type);
    expect(types.slice(0, checks.length)).toEqual(checks.map(() => "check.started"));
    expect(types.filter((type) => type === "check.finished")).toHaveLength(checks.length);
  });

  it("with a silent GPU lacks something", async () => {
    const tools = {
      ...spark.tools,
      "nvidia-smi": { stdout: "No devices were found\n", exitCode: 6 },
    };
    const { problems, check } = await look({ ...spark, tools });
    expect(problems.map(({ code, exitCode }) => [code, exitCode])).toEqual([["gpu.missing", 4]]);
    expect(check("gpu")).toMatchObject({
      status: "failed",
      code: "gpu.missing",
      found: "nvidia-smi finds no GPU",
    });
  });

  it("is one still where only the GPU's name tells it", async () => {
    const { machine } = await look({ ...spark, host: { ...spark.host, texts: {} } });
    expect(machine).toMatchObject({ spark: true, product: "NVIDIA GB10 machine" });
  });
});

describe("a PC with an NVIDIA card", () => {
  it("is described, and left to the person's consent", async () => {
    const { machine, problems } = await look({
      tools: {
        ...spark.tools,
        "nvidia-smi": { stdout: fixture("pc/nvidia-smi.csv") },
        lsblk: { stdout: fixture("pc/lsblk.json") },
        "docker info": { stdout: fixture("docker/28-runtime.json") },
      },
      host: {
        arch: "x86_64",
        system: system({ totalKib: 65_772_372, device: "/dev/mapper/vgubuntu-root" }),
        disk: { totalBytes: 1_900e9, freeBytes: 900e9 },
        texts: {
          "/proc/meminfo": fixture("pc/meminfo"),
          "/sys/class/dmi/id/sys_vendor": "Micro-Star International Co., Ltd.\n",
          "/sys/class/dmi/id/product_name": "MS-7D91\n",
          "/sys/class/dmi/id/board_name": "PRO Z790-A WIFI (MS-7D91)\n",
        },
      },
    });
    expect(problems).toEqual([]);
    expect(consentFailure(machine, false)?.message).toBe(
      "This machine is not a DGX Spark: MSI PRO Z790-A WIFI, x86_64, NVIDIA GeForce RTX 4090 with 24 GiB, driver 570.86.15.",
    );
    expect(machine.docker?.gpuAccess).toBe("runtime");
    expect(machine.disks[0]).toMatchObject({
      device: "vgubuntu-root",
      deviceModel: "Samsung SSD 990 PRO 2TB",
    });
  });
});

describe("a machine with nothing", () => {
  it("is described all the same", async () => {
    const { machine, problems, check } = await look(bare);
    expect(machine).toMatchObject({ product: null, spark: false, gpu: null, docker: null });
    expect(consentFailure(machine, false)?.message).toBe(
      "This machine is not a DGX Spark: x86_64, no NVIDIA GPU.",
    );
    expect(problems.map(({ code }) => code)).toEqual(["docker.missing"]);
    expect(check("disk.models")).toMatchObject({ status: "warning" });
    expect(check("docker.compose")).toMatchObject({ status: "skipped" });
  });

  it("has its problems in the order in which they are best mended", async () => {
    const server = await startServer((_request, response) => response.end("mine"));
    const { problems } = await look({
      ...spark,
      tools: {
        "nvidia-smi": { stdout: "No devices were found\n" },
        "docker info": {
          stdout: fixture("docker/down.json"),
          stderr: "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n",
          exitCode: 1,
        },
        "docker compose": { stderr: "unknown flag: --short\n", exitCode: 125 },
      },
      port: server.port,
    });
    expect(problems.map(({ code }) => code)).toEqual([
      "docker.daemon_down",
      "compose.missing",
      "gpu.missing",
      "port.taken",
    ]);
  });

  it("may be off the network, which is told apart from what the machine lacks", async () => {
    const port = await freePort();
    const { problems, hubFailure, machine } = await look({
      ...spark,
      endpoint: `http://127.0.0.1:${port}`,
    });
    expect(problems).toEqual([]);
    expect(hubFailure).toMatchObject({ code: "hub.unreachable", exitCode: 5 });
    expect(machine.hub).toMatchObject({ reachable: false, elapsedMs: null });
  });
});

describe("this very machine", () => {
  it("is looked at with its own files and file systems", async () => {
    const host = testHost();
    const endpoint = (await startHub()).url;
    const { machine, checks } = await detectMachine({
      modelsGib: 24.5,
      core: herOs.stack,
      host,
      emit: () => {},
      signal: new AbortController().signal,
      modelsPath: tmpdir(),
      stackDir: tmpdir(),
      port: await freePort(),
      endpoint,
      readStack: async () => null,
      tryHub: tryHubOn(host),
      limitMs: 15_000,
    });
    host.network.close();
    expect(checks).toHaveLength(12);
    expect(machine.cpuCount).toBeGreaterThan(0);
    expect(machine.memoryBytes).toBeGreaterThan(2 ** 28);
    expect(machine.memoryAvailableBytes).toBeGreaterThan(0);
    expect(machine.disks.map(({ purpose }) => purpose)).toEqual(
      expect.arrayContaining(["models", "images", "stack"]),
    );
  });
});
