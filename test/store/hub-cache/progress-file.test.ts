import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import type { DownloadProgress } from "../../../src/run/events/download.ts";
import { openProgressFile } from "../../../src/store/hub-cache/progress-file.ts";
import { quickHost } from "../../download/scene.ts";

const commit = "c".repeat(40);
const models = [
  {
    id: "whisper",
    title: "Whisper",
    purpose: "Ears",
    label: { id: "whisper", title: "Whisper", tier: 2 },
    priority: 2,
    totalBytes: 1000,
    cachedBytes: 0,
    resumedBytes: 0,
    snapshots: [{ repo: "openai/whisper", revision: "main", commit, path: "", files: [] }],
    problem: null,
  },
];

function progressAt(receivedBytes: number, state: "downloading" | "ready"): DownloadProgress {
  const sums = { receivedBytes, verifiedBytes: 0, totalBytes: 1000, bytesPerSecond: 1 };
  const model = { id: "whisper", title: "Whisper", tier: 2, state, ...sums, etaSeconds: null };
  return { type: "download.progress", ...sums, etaSeconds: null, lanes: 1, models: [model] };
}

test("how far a download is can be read in the cache by anybody while it lasts, and not after", async () => {
  const cacheDir = await mkdtemp(path.join(tmpdir(), "heros-progress-"));
  const umask = process.umask(0o077);
  onTestFinished(async () => {
    process.umask(umask);
    await rm(cacheDir, { recursive: true });
  });
  await mkdir(path.join(cacheDir, ".heros"));
  const host = quickHost();
  const file = path.join(cacheDir, ".heros/progress.json");
  const progress = openProgressFile(host, { cacheDir, models });
  const read = async (): Promise<object> => JSON.parse(await readFile(file, "utf8")) as object;

  progress.note(progressAt(455, "downloading"));
  await vi.waitFor(async () =>
    expect(await read()).toEqual({
      schema: 1,
      updatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/u) as string,
      models: [
        {
          id: "whisper",
          state: "downloading",
          percent: 45,
          parts: [{ repo: "openai/whisper", commit }],
        },
      ],
    }),
  );
  expect((await stat(file)).mode & 0o777).toBe(0o644);
  // Of what comes within a second, nothing; and never all of it before it is verified.
  progress.note(progressAt(600, "downloading"));
  await host.clock.sleep(1100);
  progress.note(progressAt(1000, "downloading"));
  await vi.waitFor(async () => expect(await read()).toMatchObject({ models: [{ percent: 99 }] }));
  await host.clock.sleep(1100);
  progress.note(progressAt(1000, "ready"));
  await progress.close();
  expect(await readdir(cacheDir)).toEqual([]);
});

test("a folder that can't be written does not disturb", async () => {
  const progress = openProgressFile(quickHost(), { cacheDir: "/proc/nowhere", models });
  progress.note(progressAt(1, "downloading"));
  await expect(progress.close()).resolves.toBeUndefined();
});
