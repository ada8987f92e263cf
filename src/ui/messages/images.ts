import type { TimedEvent } from "../../run/event.ts";
import type { ImageEvent } from "../../run/events/images.ts";
import type { ImageNow } from "../../run/images-state.ts";
import type { RunState } from "../../run/state.ts";
import { formatBytes, formatBytesOf } from "../../run/units.ts";
import { say, type Sentence } from "./sentence.ts";

/** Null where an image is as it was told to be. */
export function imageSentence(
  event: TimedEvent & ImageEvent,
  { images }: Pick<RunState, "images">,
): Sentence | null {
  const row = images.find(({ image }) => image === event.image);
  const title = imageTitle(event.image, images);
  switch (event.type) {
    case "image.planned": {
      const unpacked = `about ${formatBytes(event.unpackedBytes)} unpacked`;
      return say(`Image ${title}: ${missingText(event)}, ${unpacked}.`, { from: "verbose" });
    }
    case "image.progress":
      if (row?.news !== true) return null;
      return say(
        event.phase === "unpacking"
          ? `Unpacking image ${title}.`
          : `Downloading image ${title}, ${formatBytes(row.downloadBytes)}.`,
      );
    case "image.ready":
      return say(`Image ${title}: ready.`, {
        tone: "good",
        mark: "ok",
        // Docker had it before.
        from: row?.news === false ? "verbose" : "normal",
      });
  }
}

/** "18.0 GB to download, 2.10 GB cached", "cached". */
export function missingText({
  totalBytes,
  cachedBytes,
}: {
  readonly totalBytes: number;
  readonly cachedBytes: number;
}): string {
  if (cachedBytes >= totalBytes) return "cached";
  const cached = cachedBytes === 0 ? "" : `, ${formatBytes(cachedBytes)} cached`;
  return `${formatBytes(totalBytes - cachedBytes)} to download${cached}`;
}

/** "neo4j" for "docker.io/library/neo4j:5.26"; more of the name where another image ends alike. */
export function imageTitle(image: string, among: readonly Pick<ImageNow, "image">[]): string {
  const names = [lastName, withoutTag];
  const distinct = names.find((nameOf) =>
    among.every((other) => other.image === image || nameOf(other.image) !== nameOf(image)),
  );
  return distinct?.(image) ?? image;
}

function lastName(image: string): string {
  const name = withoutTag(image);
  return name.slice(name.lastIndexOf("/") + 1);
}

/** A colon before the last slash is that of a port. */
function withoutTag(image: string): string {
  return image.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
}

/** "downloading, 9.00 of 18.0 GB", "unpacking, 7.20 of 18.0 GB". */
export function imagePhaseText({
  phase,
  receivedBytes,
  totalBytes,
}: Pick<ImageNow, "phase" | "receivedBytes" | "totalBytes">): string {
  const [received, total] = formatBytesOf(receivedBytes, totalBytes);
  if (phase === "ready") return phase;
  return `${phase}, ${phase === "waiting" && receivedBytes === 0 ? total : `${received} of ${total}`}`;
}
