import { describe, expect, it } from "vitest";
import { chooseGpu, parseNvidiaSmi } from "../../src/machine/gpu.ts";
import { fixture, ran } from "./fixture.ts";

const spark = { spark: true, arch: "aarch64" };
const pc = { spark: false, arch: "x86_64" };
const broken =
  "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n";

describe("nvidia-smi's list", () => {
  it("has no memory figure on a Spark, which shares the system's", () => {
    const smi = parseNvidiaSmi(ran(fixture("spark/nvidia-smi.csv")));
    expect(chooseGpu(smi, spark)).toEqual({
      count: 1,
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
