import { describe, expect, it } from "vitest";
import {
  assessImages,
  assessModels,
  assessNeededSpace,
  assessObstacle,
} from "../../src/checks/stored.ts";
import { late } from "../../src/host/time-limit.ts";
import { failure } from "../../src/run/failures/table.ts";
import type { Survey } from "../../src/store/store.ts";

const limitMs = 4000;
const setUp = { isSetUp: true, isRunning: false, limitMs };

/** Two models, of which so many are there. */
function surveyOf(ready: number, bytes: number): Survey {
  const models = [0, 1].map((index) => ({
    problem: null,
    snapshots: [{ files: [{ path: "a", blobName: "b", linked: index < ready }] }],
  }));
  const sums = { totalBytes: 4e9, cachedBytes: bytes, resumedBytes: 0 };
  return { models, images: [], blobs: [], cacheDir: "/c", freeBytes: 1e12, ...sums } as never;
}

describe("the models", () => {
  it("are in order where all are there", () => {
    expect(assessModels(surveyOf(2, 4e9), setUp)).toEqual({
      status: "ok",
      found: "all 2 downloaded, 4.00 GB",
    });
  });

  it("that are missing matter once Annie was set up", () => {
    expect(assessModels(surveyOf(1, 1e9), setUp)).toEqual({
      status: "warning",
      found: "1 of 2 downloaded, 1.00 GB of 4.00 GB",
      remedy: "heros pull",
    });
    const before = { ...setUp, isSetUp: false };
    expect(assessModels(surveyOf(0, 0), before)).toEqual({
      status: "skipped",
      found: "not downloaded yet",
    });
  });

  it("that are being downloaded are waited for", () => {
    const finding = assessModels(surveyOf(0, 1e9), { ...setUp, isRunning: true });
    expect(finding.remedy).toBe("heros status --watch shows the download");
  });

  it("that nobody can look at in time are a warning", () => {
    expect(assessModels(late, setUp).status).toBe("warning");
  });
});

describe("the images", () => {
  const found = { count: 3, lacking: ["core:1"], bytes: 7e8, atLeast: true, problems: [] };

  it("are told with what is to be downloaded", () => {
    expect(assessImages(found, { docker: "running", limitMs })).toEqual({
      status: "ok",
      found: "Docker has 2 of 3; at least 700 MB to download for core:1",
    });
  });

  it("are not asked for without Docker", () => {
    expect(assessImages(null, { docker: "unusable", limitMs }).status).toBe("skipped");
  });

  it("that can't be found out are a warning with the reason", () => {
    const problems = ["Can't reach ghcr.io."];
    const finding = assessImages({ ...found, problems }, { docker: "running", limitMs });
    expect(finding.status).toBe("warning");
    expect(finding.found).toContain("Can't reach ghcr.io. Docker tries it itself");
  });
});

describe("the space for a download", () => {
  const need = { disk: 1, folder: "/c", what: "models", bytes: 5e9 } as const;

  it("is enough, or a failure as a download would end with", () => {
    const enough = assessNeededSpace([{ ...need, freeBytes: 1e12 }]);
    expect(enough.status).toBe("ok");
    expect(enough.found).toMatch(/needed, 1.00 TB free, at \/c$/u);
    expect(assessNeededSpace([{ ...need, freeBytes: 1e9 }])).toMatchObject({
      status: "failed",
      failure: { code: "disk.too_small", exitCode: 7 },
    });
    expect(assessNeededSpace(null).status).toBe("skipped");
  });

  it("is a warning where the download leaves next to nothing", () => {
    const tight = assessNeededSpace([{ ...need, bytes: 18e9, freeBytes: 22e9 }]);
    expect(tight.status).toBe("warning");
    expect(tight.remedy).toMatch(/^Only \S+ GB stays free at \/c after the download/u);
    expect(tight).not.toHaveProperty("failure");
  });
});

it("a folder that can't be written to stops Annie only where she needs its model first", () => {
  const closed = failure("cache.not_writable", { why: "owned", folders: ["/c/models--a--b"] });
  const first = assessObstacle({ failure: closed, required: true }, { limitMs });
  expect(first).toMatchObject({ status: "failed", failure: { code: "cache.not_writable" } });
  const later = assessObstacle({ failure: closed, required: false }, { limitMs });
  expect(later.status).toBe("warning");
  expect(later).not.toHaveProperty("failure");
});
