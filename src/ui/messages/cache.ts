import type {
  FileDamaged,
  ListedModel,
  ModelsEvent,
  ModelsListed,
  PrunedFile,
  PrunePlanned,
  UpdatedModel,
  UpdatePlanned,
} from "../../run/events/cache.ts";
import { calledFile } from "../../run/repos/ollama.ts";
import { formatBytes, formatBytesOf, formatDuration } from "../../run/units.ts";
import { counted, say, type Sentence } from "./sentence.ts";

type ModelsSaid = Exclude<
  ModelsEvent,
  { type: "verify.progress" | "push.progress" | "cache.shared" }
>;

export function modelsSentence(event: ModelsSaid): Sentence {
  switch (event.type) {
    case "models.listed":
      return listedSentence(event);
    case "file.damaged":
      return say(`${calledFile(event.repo, event.path)} ${damageWords(event)}.`, {
        tone: "bad",
        mark: "failed",
        from: "quiet",
        more: [
          `File: ${event.file}`,
          `Expected: ${sizeOrHash(event, event.expected)}`,
          ...(event.found === null ? [] : [`Found: ${sizeOrHash(event, event.found)}`]),
        ],
      });
    case "verify.finished": {
      const checked = `${counted(event.files, "file")} (${formatBytes(event.bytes)}) verified in ${formatDuration(event.elapsedMs / 1000)}`;
      if (event.files === 0) return say("None of these models is in the cache.");
      return event.damaged === 0
        ? say(`${checked}: all match their checksums.`, { tone: "good", mark: "ok" })
        : say(`${checked}: ${counted(event.damaged, "file")} damaged.`, { tone: "bad" });
    }
    case "model.pushed": {
      const sent = event.sentBytes === 0 ? "already there" : `${formatBytes(event.sentBytes)} sent`;
      const text = `${event.title} is complete in ${event.place} (${sent}).`;
      return say(text, { tone: "good", mark: "ok" });
    }
    case "prune.planned":
      return prunePlan(event);
    case "update.planned":
      return updatePlan(event);
    case "file.removed":
      return say(`Removed ${leftoverWords(event)}`, { from: "verbose" });
  }
}

/** "downloaded, 3.09 GB", "1.20 GB of 3.09 GB downloaded", "not downloaded, 3.09 GB". */
export function modelStateText({ state, receivedBytes, totalBytes }: ListedModel): string {
  const total = totalBytes === null ? "size unknown" : formatBytes(totalBytes);
  switch (state) {
    case "here":
      return `downloaded, ${total}`;
    case "baked":
      return "in the image";
    case "partly":
      return totalBytes === null
        ? `${formatBytes(receivedBytes)} downloaded, size unknown`
        : partText(receivedBytes, totalBytes);
    case "missing":
    case "unknown":
      return `not downloaded, ${total}`;
  }
}

/** What is not whole never looks whole: the last bytes count, and so does what was not verified. */
function partText(receivedBytes: number, totalBytes: number): string {
  const total = formatBytes(totalBytes);
  if (receivedBytes >= totalBytes) return `${total} downloaded, not verified yet`;
  const part = formatBytes(receivedBytes);
  return part === total
    ? `${formatBytesOf(receivedBytes, totalBytes).join(" of ")} downloaded`
    : `${part} of ${total} downloaded`;
}

function listedSentence({ cacheDir, models }: ModelsListed): Sentence {
  const width = Math.max(0, ...models.map(({ id }) => id.length));
  const states = models.map(modelStateText);
  const stateWidth = Math.max(0, ...states.map((words) => words.length));
  const lines = models.map(
    ({ id, tier, title, purpose }, index) =>
      `${id.padEnd(width)}  ${tier === 0 ? "other" : `set ${tier}`}  ${(states[index] ?? "").padEnd(stateWidth)}  ${describe({ tier, title, purpose })}`,
  );
  const places = models.flatMap(({ id, path }) => (path === null ? [] : [`${id}: ${path}`]));
  return say(`Models in ${cacheDir}:`, {
    from: "quiet",
    more: places.length === 0 ? lines : [...lines, "Folders:", ...places],
  });
}

function describe({
  tier,
  title,
  purpose,
}: Pick<ListedModel, "tier" | "title" | "purpose">): string {
  return tier === 0 ? "not in the catalog" : `${title}: ${purpose}`;
}

function damageWords({ reason }: FileDamaged): string {
  switch (reason) {
    case "missing":
      return "is missing";
    case "link":
      return "is a broken link";
    case "size":
      return "has the wrong size";
    case "hash":
      return "has the wrong checksum";
    case "unreadable":
      return "can't be read";
  }
}

function sizeOrHash({ reason }: FileDamaged, value: string): string {
  return reason === "size" ? `${value} bytes` : value;
}

const leftovers: Readonly<Record<PrunedFile["kind"], string>> = {
  partial: "unfinished download that is no longer needed",
  damaged: "damaged file, set aside",
  blob: "unused",
  incomplete: "unfinished download of another program, more than a day old",
  revision: "of a revision that an update replaced",
  transient: "left by an interrupted heros",
  passing: "left by an interrupted heros",
  model: "of the model",
};

function leftoverWords({ kind, bytes, file }: PrunedFile): string {
  return `${file} (${leftovers[kind]}, ${formatBytes(bytes)})`;
}

function prunePlan({ files, bytes, kept, dryRun, cacheDir }: PrunePlanned): Sentence {
  const keptLines = kept.map(({ file, reason }) => `Kept: ${file} (${reason})`);
  if (files.length === 0) {
    return say(`No unused files in ${cacheDir}.`, {
      from: "quiet",
      more: keptLines,
    });
  }
  const ofModels = files.some(({ kind }) => kind === "model");
  const what = `${counted(files.length, ofModels ? "file" : "unused file")}, ${formatBytes(bytes)}`;
  return say(dryRun ? `${what}.` : `Removing ${what}.`, {
    from: "quiet",
    more: [...files.map(leftoverWords), ...keptLines],
  });
}

function updatePlan({ models, downloadBytes }: UpdatePlanned): Sentence {
  const newer = models.filter(({ state }) => state === "newer");
  const frees = newer.reduce((sum, { freesBytes }) => sum + freesBytes, 0);
  const more = models.flatMap(updateLines);
  if (newer.length === 0) return say("No newer revisions.", { more });
  const what = `${counted(newer.length, "model")} with a newer revision, ${formatBytes(downloadBytes)} to download`;
  const later = frees === 0 ? "" : `; heros models prune could then free ${formatBytes(frees)}`;
  return say(`${what}${later}.`, { from: "quiet", more });
}

function updateLines(model: UpdatedModel): string[] {
  const { id, state, from, to, problem } = model;
  switch (state) {
    case "newer": {
      const files = (["added", "changed", "removed", "unchanged"] as const)
        .flatMap((kind) => (model[kind] === 0 ? [] : [`${model[kind]} ${kind}`]))
        .join(", ");
      const bytes = `${formatBytes(model.downloadBytes)} to download`;
      const frees = model.freesBytes === 0 ? "" : `, frees ${formatBytes(model.freesBytes)}`;
      return [`${id}: ${short(from)} → ${short(to)}, files: ${files}; ${bytes}${frees}`];
    }
    case "current":
      return [`${id}: up to date (${short(from)})`];
    case "pinned":
      return [`${id}: pinned to ${short(from)}`];
    case "unknown":
      return [`${id}: not known. ${problem?.message ?? ""}`];
  }
}

/** As many digits of a commit, or of a digest, as people show. */
function short(revision: string | null): string {
  return (revision ?? "none").replace(/^sha256:/u, "").slice(0, 12);
}
