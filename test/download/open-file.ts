import { type BlobTask, createTask, type OpenTask } from "../../src/download/blob.ts";
import { placesOf } from "../../src/store/hub-cache/layout.ts";
import { createSegments } from "../../src/download/segments.ts";

/** A file of a tier, opened, with nothing of it there. Only its segments are ever looked at. */
export function openFile(tier: number, sizeBytes: number): BlobTask {
  const blobName = `${tier}-${sizeBytes}`;
  const task = createTask(
    placesOf("/cache", "o/m"),
    {
      repo: "o/m",
      commit: "c",
      path: "model",
      blobName,
      sizeBytes,
      hash: { algorithm: "sha256", hex: blobName },
      cached: false,
      held: [],
      models: [`m${tier}`],
      tier,
    },
    0,
  );
  task.state = "fetching";
  const segments = createSegments([{ start: 0, end: sizeBytes }], sizeBytes);
  task.open = { segments } as OpenTask;
  return task;
}
