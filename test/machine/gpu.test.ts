import { describe, expect, it } from "vitest";
import { chooseGpu, parseNvidiaSmi } from "../../src/machine/gpu.ts";
import { assessGpu } from "../../src/checks/hardware.ts";
import { fixture, notInstalled, ran } from "./fixture.ts";

const spark = { spark: true, arch: "aarch64" };
const pc = { spark: false, arch: "x86_64" };
const broken =
  "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n";

describe("nvidia-smi's list", () => {
  it("has no memory figure on a Spark, which shares the system's", () => {
    const smi = parseNvidiaSmi(ran(fixture("spark/nvidia-smi.csv")));
    expect(chooseGpu(smi, spark)).toEqual({
      name: "NVIDIA GB10",
      driver: "580.142",
      computeCapability: "12.1",
      unified: true,
      memoryBytes: null,
    });
  });

  it("has one for a card of its own", () => {
    const gpu = chooseGpu(parseNvidiaSmi(ran(fixture("pc/nvidia-smi.csv"))), pc);
    expect(gpu).toMatchObject({ unified: false, memoryBytes: 24564 * 1024 ** 2 });
    expect(
      assessGpu(parseNvidiaSmi(ran(fixture("pc/nvidia-smi.csv"))), {
        gpu,
        spark: false,
        limitMs: 4000,
      }),
    ).toEqual({
      status: "ok",
      found: "NVIDIA GeForce RTX 4090 with 24 GiB, driver 570.86.15",
    });
  });

  it("is read with its header, with units, and with Not Supported in the place of figures", () => {
    const smi = parseNvidiaSmi(
      ran(
        "index, name, pci.bus_id, driver_version, compute_cap, memory.total [MiB]\r\n" +
          "0, NVIDIA RTX A2000, 00000000:01:00.0, 535.1, 8.6, 6138 MiB\r\n" +
          "1, NVIDIA JMJWOA-Generic-GPU, 0000000F:01:00.0, [N/A], [Not Supported], Not Supported\r\n",
      ),
    );
    expect(smi).toEqual({
      state: "gpus",
      gpus: [
        {
          name: "NVIDIA RTX A2000",
          driver: "535.1",
          computeCapability: "8.6",
          memoryBytes: 6138 * 1024 ** 2,
        },
        {
          name: "NVIDIA JMJWOA-Generic-GPU",
          driver: null,
          computeCapability: null,
          memoryBytes: null,
        },
      ],
    });
  });

  it("puts a Spark's own GPU before others", () => {
    const both = ran(
      "0, NVIDIA RTX A2000, x, 580.1, 8.6, 6138\n1, NVIDIA GB10, x, 580.1, 12.1, [N/A]\n",
    );
    expect(chooseGpu(parseNvidiaSmi(both), spark)?.name).toBe("NVIDIA GB10");
  });

  it.each([0, 6])("is empty where it says so, with status %d", (exitCode) => {
    expect(parseNvidiaSmi(ran("No devices were found\n", { exitCode }))).toEqual({ state: "none" });
    expect(parseNvidiaSmi(ran("", { exitCode, stderr: "No devices were found\n" }))).toEqual({
      state: "none",
    });
  });

  it("keeps the driver's own words where it fails", () => {
    expect(parseNvidiaSmi(ran(broken, { exitCode: 9 }))).toEqual({
      state: "failed",
      reason: broken.trim(),
    });
    expect(parseNvidiaSmi(ran("", { exitCode: 255 }))).toEqual({
      state: "failed",
      reason: "status 255",
    });
  });
});

describe("a GPU that does not answer", () => {
  it.each([
    ["no driver", notInstalled, "no NVIDIA driver is installed (nvidia-smi is missing)"],
    ["no device", ran("No devices were found\n", { exitCode: 6 }), "nvidia-smi finds no GPU"],
    [
      "a broken driver",
      ran(broken, { exitCode: 9 }),
      `nvidia-smi says: ${broken.trim().slice(0, -1)}`,
    ],
  ])("keeps Annie from running on a Spark: %s", (_name, result, found) => {
    const finding = assessGpu(parseNvidiaSmi(result), { gpu: null, spark: true, limitMs: 4000 });
    expect(finding).toMatchObject({
      status: "failed",
      found,
      failure: { code: "gpu.missing", exitCode: 4 },
    });
    expect(finding.remedy).toMatch(/sudo/);
  });

  it("is only told elsewhere, where consent to go on is asked for anyway", () => {
    const finding = assessGpu({ state: "missing" }, { gpu: null, spark: false, limitMs: 4000 });
    expect(finding.status).toBe("warning");
    expect(finding.failure).toBeUndefined();
  });
});
