import type {
  FileDamaged,
  ListedModel,
  ModelsEvent,
  ModelsListed,
  PrunedFile,
  PrunePlanned,
} from "../../run/events/cache.ts";
import { formatBytes, formatDuration } from "../../run/units.ts";
import { counted, say, type Sentence } from "./sentence.ts";

type ModelsSaid = Exclude<ModelsEvent, { type: "verify.progress" }>;

export function modelsSentence(event: ModelsSaid): Sentence {
  switch (event.type) {
    case "models.listed":
      return listedSentence(event);
    case "file.damaged":
      return say(`${event.repo}/${event.path} ${damageWords(event)}.`, {
        tone: "bad",
        mark: "failed",
        from: "quiet",
        more: [
          `Where: ${event.file}`,
          `Should be: ${sizeOrHash(event, event.expected)}`,
          ...(event.found === null ? [] : [`Is: ${sizeOrHash(event, event.found)}`]),
        ],
      });
    case "verify.finished": {
      const checked = `${counted(event.files, "file")} (${formatBytes(event.bytes)}) checked in ${formatDuration(event.elapsedMs / 1000)}`;
      if (event.files === 0) return say("Nothing of these models is in the cache.");
      return event.damaged === 0
        ? say(`${checked}: all are as the Hub promises.`, { tone: "good", mark: "ok" })
        : say(
            `${checked}: ${event.damaged} ${event.damaged === 1 ? "is" : "are"} not as the Hub promises.`,
            { tone: "bad" },
          );
    }
    case "prune.planned":
      return prunePlan(event);
    case "file.removed":
      return say(`Removed ${leftoverWords(event)}`, { from: "verbose" });
  }
}

/** "here", "1.20 of 3.09 GB", "missing". */
export function modelStateText({ state, receivedBytes, totalBytes }: ListedModel): string {
  const total = totalBytes === null ? "size not known" : formatBytes(totalBytes);
  switch (state) {
    case "here":
      return `here, ${total}`;
    case "partly":
      return totalBytes === null
        ? `partly here, ${formatBytes(receivedBytes)}`
        : `partly here, ${formatBytes(receivedBytes)} of ${total}`;
    case "missing":
      return `missing, ${total}`;
    case "unknown":
      return `missing, ${total}`;
  }
}

function listedSentence({ cacheDir, models }: ModelsListed): Sentence {
  const width = Math.max(0, ...models.map(({ id }) => id.length));
  const states = models.map(modelStateText);
  const stateWidth = Math.max(0, ...states.map((words) => words.length));
  const lines = models.map(
    ({ id, tier, title, purpose }, index) =>
      `${id.padEnd(width)}  tier ${tier}  ${(states[index] ?? "").padEnd(stateWidth)}  ${title}: ${purpose}`,
  );
  const places = models.flatMap(({ id, path }) => (path === null ? [] : [`${id}: ${path}`]));
  return say(`Models in ${cacheDir}:`, {
    from: "quiet",
    more: places.length === 0 ? lines : [...lines, "They are loaded from:", ...places],
  });
}

function damageWords({ reason }: FileDamaged): string {
  switch (reason) {
    case "missing":
      return "is missing";
    case "link":
      return "is a link that does not lead to its content";
    case "size":
      return "has the wrong size";
    case "hash":
      return "has the wrong content";
    case "unreadable":
      return "can't be read";
  }
}

function sizeOrHash({ reason }: FileDamaged, value: string): string {
  return reason === "size" ? `${value} bytes` : value;
}

const leftovers: Readonly<Record<PrunedFile["kind"], string>> = {
  partial: "rest of a download that is over, or that the catalog no longer wants",
  damaged: "damaged file that was put aside",
  blob: "content that nothing links to",
  incomplete: "unfinished download of another program, older than a day",
  transient: "rest of a heros that was stopped",
};

function leftoverWords({ kind, bytes, file }: PrunedFile): string {
  return `${file} (${leftovers[kind]}, ${formatBytes(bytes)})`;
}

function prunePlan({ files, bytes, kept, dryRun, cacheDir }: PrunePlanned): Sentence {
  const keptLines = kept.map(({ file, reason }) => `Kept: ${file}, because ${reason}`);
  if (files.length === 0) {
    return say(`Nothing in ${cacheDir} is left over from the catalog's models.`, {
      from: "quiet",
      more: keptLines,
    });
  }
  const beginning = dryRun ? "Nothing needs" : "Removing what nothing needs:";
  return say(`${beginning} ${counted(files.length, "file")}, ${formatBytes(bytes)}.`, {
    from: "quiet",
    more: [...files.map(leftoverWords), ...keptLines],
  });
}
