import type { BlobTask } from "./blob-task.ts";
import { prefixBytes } from "./byte-ranges.ts";
import { type Lane, LaneMoved } from "./lane.ts";
import type { Segments } from "./segments.ts";

/** Only one lane can fetch from a server without ranges: the others stop, and one goes on from the first gap. */
export function fetchWhole(task: BlobTask, segments: Segments, lanes: Iterable<Lane>): void {
  for (const other of lanes) {
    if (other.task === task && other.segment !== null)
      other.stop.abort(new LaneMoved("one lane fetches the whole file"));
  }
  segments.restart(prefixBytes(task.open?.partial.written() ?? []));
}
