import { describe, expect, it } from "vitest";
import { assessCpu, assessGpu, assessMemory, assessProduct } from "../../src/checks/hardware.ts";
import { type Memory, parseCpuinfo, parseMeminfo } from "../../src/machine/hardware.ts";
import { chooseGpu, parseNvidiaSmi } from "../../src/machine/gpu.ts";
import { fixture, notInstalled, ran } from "../machine/fixture.ts";

const broken =
  "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n";

const gib = 1024 ** 3;

function memory(totalGib: number, availableGib: number): Memory {
  return { totalBytes: totalGib * gib, availableBytes: availableGib * gib, swapBytes: 0 };
}

describe("the processor", () => {
  it("of a Spark has two kinds of cores, told by their part numbers", () => {
    expect(assessCpu("aarch64", parseCpuinfo(fixture("spark/cpuinfo")))).toEqual({
      status: "ok",
      found: "aarch64, 20 cores (10 × Cortex-A725, 10 × Cortex-X925)",
    });
  });

  it("of a PC has a name", () => {
    expect(assessCpu("x86_64", parseCpuinfo(fixture("pc/cpuinfo"))).found).toBe(
      "x86_64, 4 cores (13th Gen Intel(R) Core(TM) i9-13900K)",
    );
  });

  it("may be unknown", () => {
    expect(assessCpu("aarch64", parseCpuinfo(""))).toEqual({ status: "ok", found: "aarch64" });
    expect(parseCpuinfo("processor : 0\nCPU part : 0xfff\n")).toEqual({ count: 1, kinds: [] });
  });

  it("of another family is warned of", () => {
    expect(assessCpu("riscv64", { count: 8, kinds: [] })).toMatchObject({ status: "warning" });
  });
});

describe("the product", () => {
  const pc = { arch: "x86_64", gpu: null };

  it("of a Spark is told with its DGX OS", () => {
    const product = { spark: true, label: "NVIDIA DGX Spark", osVersion: "7.5.0" };
    expect(assessProduct(product, { ...pc, consent: "missing" })).toEqual({
      status: "ok",
      found: "NVIDIA DGX Spark, DGX OS 7.5.0",
    });
  });

  it("that is no Spark refuses, unless somebody agreed to it or is still asked", () => {
    const product = { spark: false, label: "QEMU Standard PC", osVersion: null };
    const found = "QEMU Standard PC, not a DGX Spark";
    expect(assessProduct(product, { ...pc, consent: "given" })).toEqual({
      status: "warning",
      found,
    });
    expect(assessProduct(product, { ...pc, consent: "asked" })).toMatchObject({
      status: "warning",
      remedy: "agree to it when heros setup asks",
    });
    expect(assessProduct(product, { ...pc, consent: "missing" })).toMatchObject({
      status: "failed",
      found,
      remedy: "add --allow-unsupported to try it anyway",
      failure: { code: "machine.unsupported" },
    });
  });
});

describe("a GPU that answers", () => {
  it("is told with its own memory, where it has some", () => {
    const smi = parseNvidiaSmi(ran(fixture("pc/nvidia-smi.csv")));
    const gpu = chooseGpu(smi, { spark: false, arch: "x86_64" });
    expect(assessGpu(smi, { gpu, spark: false, limitMs: 4000 })).toEqual({
      status: "ok",
      found: "NVIDIA GeForce RTX 4090 with 24 GiB, driver 570.86.15",
    });
  });
});

describe("a GPU that does not answer", () => {
  it.each([
    ["no driver", notInstalled, "the NVIDIA driver is not installed (no nvidia-smi)"],
    ["no device", ran("No devices were found\n", { exitCode: 6 }), "nvidia-smi finds no GPU"],
    [
      "a broken driver",
      ran(broken, { exitCode: 9 }),
      `nvidia-smi failed: ${broken.trim().slice(0, -1)}`,
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

describe("the memory check", () => {
  it.each([119.7, 121.6, 121.7])("takes %d GiB for the 128 GB of a Spark", (total) => {
    expect(assessMemory(memory(total, 100), { spark: true, modelsGib: 24.5 })).toEqual({
      status: "ok",
      found: `${total} GiB, shared by CPU and GPU, 100 GiB free, 32.5 GiB needed`,
    });
  });

  it("adds what the system needs to what the chosen models need, and says both", () => {
    const small = memory(16, 14);
    const finding = assessMemory(small, { spark: false, modelsGib: 10.4 });
    expect(finding.remedy).toBe(
      "The chosen models need 10.4 GiB, and the system about 8 GiB: choose fewer models (--tiers 1).",
    );
    expect(assessMemory(small, { spark: false, modelsGib: 1.6 }).status).toBe("ok");
  });

  it("says so where a Spark shows less", () => {
    const finding = assessMemory(memory(62, 50), { spark: true, modelsGib: 24.5 });
    expect(finding).toMatchObject({ status: "warning" });
    expect(finding.remedy).toContain("firmware");
  });

  it("asks to close programs where too little is free, and to choose less where there is too little", () => {
    expect(assessMemory(memory(121.7, 8), { spark: true, modelsGib: 24.5 }).remedy).toContain(
      "close other programs",
    );
    expect(assessMemory(memory(16, 14), { spark: false, modelsGib: 24.5 }).remedy).toContain(
      "choose fewer models",
    );
  });

  it("says that swap is counted", () => {
    const found = assessMemory(parseMeminfo(fixture("spark/meminfo")), {
      spark: true,
      modelsGib: 24.5,
    }).found;
    expect(found).toBe(
      "121.6 GiB, shared by CPU and GPU, 131.3 GiB free with swap, 32.5 GiB needed",
    );
  });

  it("counts what is still available, and free huge pages alone where some are set aside", () => {
    const table = (...more: string[]) =>
      ["MemTotal: 127535084 kB", "MemFree: 1048576 kB", "MemAvailable: 41943040 kB", ...more]
        .map((line) => `${line}\n`)
        .join("");
    const check = (text: string) =>
      assessMemory(parseMeminfo(text), { spark: true, modelsGib: 24.5 });
    expect(check(table("SwapFree: 0 kB"))).toEqual({
      status: "ok",
      found: "121.6 GiB, shared by CPU and GPU, 40 GiB free, 32.5 GiB needed",
    });
    const pages = ["SwapFree: 99999999 kB", "HugePages_Total: 9999", "Hugepagesize: 2048 kB"];
    const few = check(table(...pages, "HugePages_Free: 512"));
    expect(few.found).toContain(", 1 GiB free, ");
    expect(few.status).toBe("warning");
    expect(check(table(...pages, "HugePages_Free: 20480")).status).toBe("ok");
  });

  it("ends as a warning where nobody knows", () => {
    expect(assessMemory(null, { spark: false, modelsGib: 24.5 }).status).toBe("warning");
  });
});
