import { type BlobTask, createTask, type OpenTask } from "../../src/download/blob-task.ts";
import { createSegments } from "../../src/download/segments.ts";

/** A file of a priority, opened, with nothing of it there. Only its segments are ever looked at. */
export function openFile(priority: number, sizeBytes: number): BlobTask {
  const blobName = `${priority}-${sizeBytes}`;
  const task = createTask(
    {
      repo: "o/m",
      commit: "c",
      path: "model",
      blobName,
      sizeBytes,
      hash: { algorithm: "sha256", hex: blobName },
      cached: false,
      held: [],
      neededBy: [`m${priority}`],
      priority,
    },
    0,
  );
  task.state = "fetching";
  const segments = createSegments([{ start: 0, end: sizeBytes }], sizeBytes);
  task.open = { segments } as OpenTask;
  return task;
}
