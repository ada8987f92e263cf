import { expect, test } from "vitest";
import type { HerosEvent } from "../../../src/run/event.ts";
import { initialDownload } from "../../../src/run/state/download-state.ts";
import { initialState, reduce } from "../../../src/run/state/state.ts";

function fold(...events: readonly HerosEvent[]) {
  return events.reduce(
    (state, event, index) => reduce(state, { v: 1, at: index * 100, ...event }),
    initialState,
  );
}

const checking: HerosEvent = {
  type: "verify.progress",
  checkedFiles: 1,
  files: 3,
  checkedBytes: 40,
  totalBytes: 100,
  bytesPerSecond: 10,
  etaSeconds: 6,
  models: [
    {
      id: "voice",
      title: "Voice",
      tier: 1,
      state: "verifying",
      receivedBytes: 40,
      verifiedBytes: 40,
      totalBytes: 100,
      bytesPerSecond: 0,
      etaSeconds: null,
    },
  ],
};

test("a check of cached files moves the bars of a download, and leaves none behind for the repair", () => {
  const { download } = fold({ type: "notice", level: "info", code: "x", message: "" }, checking);
  expect(download).toMatchObject({ receivedBytes: 40, totalBytes: 100, progressAt: 100 });
  expect(download.models).toMatchObject([{ id: "voice", state: "verifying" }]);
  const end = { files: 3, bytes: 100, damaged: 1, elapsedMs: 9 };
  expect(fold(checking, { type: "verify.finished", ...end }).download).toEqual(initialDownload);
});

test("a status says how Annie is", () => {
  const { health } = fold({
    type: "status.read",
    annie: "online",
    url: "http://127.0.0.1:8000",
    health: "healthy",
    capabilities: { memory_search: true },
    lacking: [],
    loading: { whisper: { status: "ready" } },
    tiers: [1],
    cacheDir: "/c",
    models: [],
    receivedBytes: 0,
    totalBytes: 0,
    interrupted: false,
    background: null,
  });
  expect(health).toMatchObject({
    status: "healthy",
    statusAt: 0,
    capabilities: { memory_search: true },
    models: { whisper: { status: "ready" } },
  });
});
