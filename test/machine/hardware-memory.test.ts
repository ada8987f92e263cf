import { describe, expect, it } from "vitest";
import { parseMeminfo } from "../../src/machine/hardware.ts";
import { fixture } from "./fixture.ts";

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
