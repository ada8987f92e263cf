import { describe, expect, test } from "vitest";
import { suitabilityOf, totalsOf } from "../../../src/plan/totals.ts";
import type { Interview } from "../../../src/plan/interview.ts";
import type { Gpu, Machine } from "../../../src/run/events/machine.ts";
import { openWizard } from "../../../src/ui/ink/wizard/wizard-state.ts";
import {
  misfitLines,
  suitabilityLines,
  totalLines,
  totalRow,
} from "../../../src/ui/messages/totals.ts";
import { cannedInterview, catalog, models, spark } from "../canned-interview.ts";
import { pageLines } from "../wizard-walk.ts";

const sizes = [
  [200, 60],
  [80, 24],
  [60, 15],
  [40, 12],
  [40, 10],
] as const;
const gpu: Gpu = {
  name: "NVIDIA GeForce RTX 3060",
  driver: "570.86",
  computeCapability: "8.6",
  unified: false,
  memoryBytes: 8 * 1024 ** 3,
};

function withFree(freeBytes: number, rest: Partial<Machine> = {}): Partial<Interview> {
  const disks = spark.disks.map((disk) => ({ ...disk, freeBytes }));
  return { machine: { ...spark, disks, ...rest } };
}

function said(rest: Partial<Interview>, groups = ["remember", "listen"]): string[] {
  const totals = totalsOf(cannedInterview(rest), groups);
  return [...totalLines(totals), ...misfitLines(totals)];
}

function shown(rest: Partial<Interview>, columns: number, rows: number): string {
  const lines = pageLines(openWizard(cannedInterview(rest)), { columns, rows });
  expect(lines.length).toBeLessThanOrEqual(rows - 2);
  return lines.map((line) => line.map(({ text }) => text).join("")).join("\n");
}

describe("what a choice comes to", () => {
  test("is its download, its time, what is here already, and its memory, against what there is", () => {
    expect(said({})).toEqual([
      "To download: 4.31 GB, about 39 s; 784 MB already cached; 3.12 TB of disk space free.",
      "Memory: 10.4 of 121.6 GiB.",
    ]);
  });

  test("is one row where it fits, fewer words where columns are few, then rows of whole parts", () => {
    const totals = totalsOf(cannedInterview(), ["remember", "listen"]);
    const at = (columns: number) => totalRow(totals, { columns, separator: "·" });
    expect(at(100)).toEqual([
      "4.31 GB to download · about 39 s · 784 MB cached · 10.4 of 121.6 GiB memory · 3.12 TB free",
    ]);
    expect(at(110)[0]).toMatch(/ · 1 GiB is 1\.07 GB$/);
    expect(at(79)).toEqual([
      "4.31 GB · 39 s · 784 MB cached · 10.4 of 121.6 GiB memory · 3.12 TB free",
    ]);
    expect(at(39)).toEqual([
      "4.31 GB · 39 s · 784 MB cached",
      "10.4 of 121.6 GiB memory · 3.12 TB free",
    ]);
  });

  test("counts what should stay free besides, and says how much more is needed and what helps", () => {
    const [, , misfit] = said(withFree(4_350_000_000));
    expect(misfit).toBe(
      "42.8 MB more disk space is needed. Choose fewer models, free some space, or store them on another disk (asked later).",
    );
  });

  test("that is more than the memory, or more than what is free of it, is explained", () => {
    const memoryBytes = 8 * 1024 ** 3;
    expect(said(withFree(1e12, { memoryBytes })).join()).toContain("more memory than this machine");
    expect(said(withFree(1e12, { gpu })).join()).toContain("more memory than the GPU has");
    const busy = withFree(1e12, { memoryAvailableBytes: memoryBytes });
    expect(said(busy).join()).toContain("Only 8 GiB of memory is free now.");
  });

  test.each(sizes.slice(0, -1))(
    "at %i by %i the choice under the cursor says what it gives, its size and its memory",
    (columns, rows) => {
      const words = shown({}, columns, rows).replaceAll(/\s+/g, " ");
      expect(words).toMatch(/Remember .*2\.00 GB .*required/);
      expect(words).toMatch(/Memory search, names and dates .*1\.6 GiB/);
      expect(words).toMatch(/4\.31 GB .*39 s · 784 MB cached/);
    },
  );

  test("that is all here needs no download, whatever is free", () => {
    const here = models.map((model) => ({ ...model, cachedBytes: model.totalBytes }));
    const lines = said({ models: here, ...withFree(0) });
    expect(lines[0]).toBe("Nothing to download: everything is cached.");
    expect(lines).toHaveLength(2);
  });

  test("says so where the Hub tells no sizes", () => {
    const closed = models.map((model) => ({ ...model, totalBytes: 0, cachedBytes: 0 }));
    expect(said({ models: closed, bytesPerSecond: null })[0]).toContain("models of unknown size");
  });

  test("that needs what the machine lacks is explained first", () => {
    const needy = {
      ...catalog,
      groups: catalog.groups.map((group) => ({
        ...group,
        needs: { ...group.needs, gpuMemoryGib: group.id === "listen" ? 500 : 0 },
      })),
    };
    const interview = { ...cannedInterview(withFree(1e12)), catalog: needy };
    expect(misfitLines(totalsOf(interview, ["remember", "listen"]))[0]).toBe(
      "Listen needs a GPU with 500 GiB of memory; the one here has 122 GiB. Choose something else.",
    );
    expect(misfitLines(totalsOf(interview, ["remember"]))).toEqual([]);
  });

  test.each(sizes)("at %i by %i one that does not fit is never left unsaid", (columns, rows) => {
    expect(shown(withFree(1_000_000_000), columns, rows)).toMatch(/\[!\] .*more\s+disk\s+space/);
  });
});

describe("a machine that is no Spark", () => {
  const other = { spark: false, product: null, arch: "x86_64" } as const;

  test("is held against what the stack wants, each with a sign", () => {
    const bare = { ...other, gpu: null, memoryBytes: 4 * 1024 ** 3 };
    const lines = suitabilityLines(suitabilityOf(cannedInterview(withFree(1_000_000_000, bare))));
    expect(lines.map(({ fits }) => fits)).toEqual([false, false, false, false]);
    expect(lines.map(({ text }) => text)).toEqual([
      "GPU: none from NVIDIA. The models need one.",
      "Memory: 4 GiB, but the models need 10.4 GiB. Choose fewer.",
      "Disk: only 1.00 GB free, 4.31 GB to download.",
      "Processor: x86_64. Some of the containers are not built for it.",
    ]);
    const better = suitabilityLines(
      suitabilityOf(cannedInterview(withFree(1e12, { ...other, gpu }))),
    );
    expect(better.map(({ fits }) => fits)).toEqual([true, false, true, false]);
  });

  test.each(sizes)(
    "is shown at %i by %i, what does not fit first, with its choices",
    (columns, rows) => {
      const text = shown(withFree(1e12, { ...other, gpu: null }), columns, rows);
      expect(text).toMatch(/\[!\] /);
      expect(text).toMatch(/1\. Quit\n(.*\n)?.*2\. Continue/);
    },
  );
});
