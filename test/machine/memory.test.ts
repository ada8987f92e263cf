import { describe, expect, it } from "vitest";
import { parseMeminfo, type Memory } from "../../src/machine/memory.ts";
import { assessMemory } from "../../src/checks/hardware.ts";
import { fixture } from "./fixture.ts";

const gib = 1024 ** 3;

function memory(totalGib: number, availableGib: number): Memory {
  return { totalBytes: totalGib * gib, availableBytes: availableGib * gib, swapBytes: 0 };
}

describe("what is free", () => {
  it("is what is available and the free swap", () => {
    expect(parseMeminfo(fixture("spark/meminfo"))).toEqual({
      totalBytes: 127_535_084 * 1024,
      availableBytes: (120_914_224 + 16_777_212) * 1024,
      swapBytes: 16_777_212 * 1024,
    });
  });

  it("is the free huge pages alone, where some are set aside", () => {
    const text = fixture("spark/meminfo")
      .replace("HugePages_Total:       0", "HugePages_Total:    4096")
      .replace("HugePages_Free:        0", "HugePages_Free:     1024");
    expect(parseMeminfo(text)).toMatchObject({ availableBytes: 1024 * 2048 * 1024, swapBytes: 0 });
  });

  it("is not guessed from something else", () => {
    expect(parseMeminfo("")).toBeNull();
    expect(parseMeminfo("MemTotal: lots\n")).toBeNull();
  });
});

describe("the memory check", () => {
  it.each([119.7, 121.6, 121.7])("takes %d GiB for the 128 GB of a Spark", (total) => {
    expect(assessMemory(memory(total, 100), { spark: true })).toEqual({
      status: "ok",
      found: `${total} GiB, shared by CPU and GPU, 100 GiB free`,
    });
  });

  it("says so where a Spark shows less", () => {
    const finding = assessMemory(memory(62, 50), { spark: true });
    expect(finding).toMatchObject({ status: "warning" });
    expect(finding.remedy).toContain("firmware");
  });

  it("asks to close programs where too little is free, and to choose less where there is too little", () => {
    expect(assessMemory(memory(121.7, 8), { spark: true }).remedy).toContain(
      "Close other programs",
    );
    expect(assessMemory(memory(16, 14), { spark: false }).remedy).toContain("choose fewer models");
  });

  it("says that swap is counted", () => {
    const found = assessMemory(parseMeminfo(fixture("spark/meminfo")), { spark: true }).found;
    expect(found).toBe("121.6 GiB, shared by CPU and GPU, 131.3 GiB free with swap");
  });

  it("ends as a warning where nobody knows", () => {
    expect(assessMemory(null, { spark: false }).status).toBe("warning");
  });
});
