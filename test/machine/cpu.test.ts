import { describe, expect, it } from "vitest";
import { parseCpuinfo } from "../../src/machine/cpu.ts";
import { assessCpu } from "../../src/checks/hardware.ts";
import { fixture } from "./fixture.ts";

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
