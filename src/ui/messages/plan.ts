import type { Interview, Step } from "../../plan/interview.ts";
import type { Question } from "../../plan/questions.ts";
import type { OtherPort, PlannedFile, PlannedModel, PlanReady } from "../../run/events/plan.ts";
import { tightBytes } from "../../run/disk-space.ts";
import { formatBytes, formatEta, formatMemory } from "../../run/units.ts";
import type { PlannedImage } from "../../run/events/download.ts";
import { imageTitle } from "./download.ts";
import { counted, listed, say, type Sentence } from "./sentence.ts";

const actions: Readonly<Record<PlannedFile["action"], string>> = {
  created: "Create",
  updated: "Update",
  unchanged: "Unchanged",
};

const tokens: Readonly<Record<PlanReady["token"], string>> = {
  none: "none",
  environment: "from HF_TOKEN",
  "hub-file": "from the Hub's token file",
  kept: "saved in the stack's folder",
  "token-file": "from the file you named",
  pasted: "pasted",
};

/** Told in a line; the whole plan where nothing else will show it, as in a dry run. */
export function planSentence(plan: PlanReady): Sentence {
  if (plan.dryRun) {
    return say("Dry run: nothing was written. heros would do this:", {
      from: "quiet",
      more: [...planLines(plan), ...plan.files.flatMap((file) => fileLines(file))],
    });
  }
  return say(`Plan: ${downloadSizeText(plan)}.`, {
    more: planLines(plan).filter((line) => !line.startsWith("Download: ")),
  });
}

/** "3 models and 6 images, 23.1 GB to download, about 8 min". */
export function downloadSizeText(plan: PlanReady): string {
  const { images = [], bytesPerSecond } = plan;
  const missing = missingBytes(plan);
  const coming = plan.models.filter(({ baked }) => baked !== true);
  const models = counted(coming.length, "model");
  const what = images.length === 0 ? models : `${models} and ${counted(images.length, "image")}`;
  if (missing === 0) return `${what}, all already cached`;
  const cached = cachedBytesOf(plan);
  const here = cached === 0 ? "" : `, ${formatBytes(cached)} already cached`;
  const time = bytesPerSecond === undefined ? "" : `, about ${formatEta(missing / bytesPerSecond)}`;
  return `${what}, ${formatBytes(missing)} to download${time}${here}`;
}

/** Of models and images. */
function missingBytes({ totalBytes, cachedBytes, images = [] }: PlanReady): number {
  return [{ totalBytes, cachedBytes }, ...images].reduce(
    (sum, each) => sum + Math.max(0, each.totalBytes - each.cachedBytes),
    0,
  );
}

function cachedBytesOf({ cachedBytes, images = [] }: PlanReady): number {
  return images.reduce((sum, each) => sum + each.cachedBytes, cachedBytes);
}

/** Something that a plan or an answer says, under its name. */
export interface PlanFact {
  readonly label: string;
  readonly value: string;
}

/** The facts of a plan, a line each. */
export function planLines(plan: PlanReady): string[] {
  const sized = ({ title, totalBytes, baked }: PlannedModel) => {
    if (baked === true) return `${title} (in the image)`;
    return totalBytes === 0 ? title : `${title} ${formatBytes(totalBytes)}`;
  };
  const models = { label: "Models", value: listed(plan.models.map(sized)) };
  const download = { label: "Download", value: downloadSizeText(plan) };
  const facts = [models, ...imageFacts(plan), download, ...planFacts(plan)];
  return facts.map(({ label, value }) => (label === "" ? value : `${label}: ${value}`));
}

/** "redis 17.0 MB and neo4j 302 MB; about 798 MB unpacked (estimate)". */
function imageFacts({ images = [] }: PlanReady): PlanFact[] {
  const each = imagesToFetch(images).map(
    ({ image, totalBytes }) => `${imageTitle(image, images)} ${formatBytes(totalBytes)}`,
  );
  const parts = [...(each.length === 0 ? [] : [listed(each)]), ...unpackedText(images)];
  return parts.length === 0 ? [] : [{ label: "Images", value: parts.join("; ") }];
}

/** Those that Docker does not have by their names. */
export function imagesToFetch(images: readonly PlannedImage[]): readonly PlannedImage[] {
  return images.filter(({ totalBytes }) => totalBytes > 0);
}

/** "about 798 MB unpacked (estimate)", "4 already in Docker". */
export function unpackedText(images: readonly PlannedImage[]): string[] {
  const coming = imagesToFetch(images);
  const there = images.length - coming.length;
  const bytes = coming.reduce((sum, { unpackedBytes }) => sum + unpackedBytes, 0);
  return [
    ...(coming.length === 0 ? [] : [`about ${formatBytes(bytes)} unpacked (estimate)`]),
    ...(there === 0 ? [] : [`${there} already in Docker`]),
  ];
}

/**
 * "about 11.5 GB for models and images (estimate), 82.0 GB free", a fact each disk. The folder of the models has a fact of
 * its own; that of another disk stands behind it.
 */
function diskFacts({ disks = [], cacheDir }: PlanReady): PlanFact[] {
  return disks.map(({ folder, what, neededBytes, freeBytes, estimated }) => {
    const needed = `${estimated ? "about " : ""}${formatBytes(neededBytes)}`;
    const kind = `for ${listed(what)}${estimated ? " (estimate)" : ""}`;
    const where = folder === cacheDir ? "" : `: ${folder}`;
    const left = tightBytes({ neededBytes, freeBytes });
    const tight = left === null ? "" : `, only ${formatBytes(Math.max(0, left))} afterwards`;
    return {
      label: "Disk",
      value: `${needed} ${kind}, ${formatBytes(freeBytes)} free${tight}${where}`,
    };
  });
}

/** "10.3 of 121.6 GiB". */
function memoryFacts({ memory }: PlanReady): PlanFact[] {
  if (memory === undefined) return [];
  const needed = formatMemory(memory.neededBytes).replace(" GiB", "");
  const value = `${needed} of ${formatMemory(memory.totalBytes)}${memory.ofGpu ? " of the GPU" : ""}`;
  return [{ label: "Memory", value }];
}

/** What a plan says beside its models and images, their download and its files. */
export function planFacts(plan: PlanReady): PlanFact[] {
  return [
    ...diskFacts(plan),
    ...memoryFacts(plan),
    { label: "Model folder", value: plan.cacheDir },
    { label: "Stack folder", value: plan.stackDir },
    ...(plan.otherPort === undefined
      ? []
      : [{ label: "Port", value: otherPortText(plan.otherPort) }]),
    { label: "Start", value: startupText(plan.startup) },
    { label: "Token", value: tokenText(plan) },
    ...(plan.answerLines ?? []).map((value) => ({ label: "", value })),
    ...(plan.services.length === 0
      ? []
      : [{ label: "Containers", value: plan.services.join(", ") }]),
  ];
}

function otherPortText({ port, instead, by }: OtherPort): string {
  return `${port}, because ${instead} is in use by ${by}`;
}

/** "4.31 GB, about 39 s (784 MB cached), plus any missing container images", at the measured speed; of images that are known with them. */
export function downloadText(plan: PlanReady, bytesPerSecond: number | null): string {
  const missing = missingBytes(plan);
  const areKnown = plan.images !== undefined || plan.services.length === 0;
  const images = areKnown ? "" : ", plus any missing container images";
  const what = plan.images === undefined ? "models" : "models and images";
  if (missing === 0) return `all ${what} are cached${images}`;
  const time = bytesPerSecond === null ? "" : `, about ${formatEta(missing / bytesPerSecond)}`;
  const bytes = cachedBytesOf(plan);
  const cached = bytes === 0 ? "" : ` (${formatBytes(bytes)} cached)`;
  return `${formatBytes(missing)}${time}${cached}${images}`;
}

/** "cached", "784 MB cached", "in the stack's image"; nothing where nothing of it is. */
export function cachedText({
  totalBytes,
  cachedBytes,
  baked,
}: Pick<PlannedModel, "totalBytes" | "cachedBytes" | "baked">): string {
  if (baked === true) return "in the image";
  if (cachedBytes === 0) return "";
  return cachedBytes >= totalBytes ? "cached" : `${formatBytes(cachedBytes)} cached`;
}

/** How many lines of a file come and go. */
export function diffCounts({ diff = "" }: PlannedFile): {
  readonly added: number;
  readonly removed: number;
} {
  const lines = diffLines(diff);
  return {
    added: lines.filter((line) => line.startsWith("+")).length,
    removed: lines.filter((line) => line.startsWith("-")).length,
  };
}

/** The lines of a diff but its two headings: no line of text stands before its first "@@". */
export function diffLines(diff: string): string[] {
  const lines = diff.split("\n");
  const first = lines.findIndex((line) => line.startsWith("@@"));
  return lines.slice(Math.max(0, first)).filter((line) => line !== "");
}

function tokenText({ token, tokenKept }: PlanReady): string {
  if (token === "none" || token === "kept" || tokenKept === undefined) return tokens[token];
  return `${tokens[token]}, ${tokenKept ? "saved in the stack's folder" : "for this run only"}`;
}

/** Shorter than any token of the Hub: hf_ and 34 letters and digits. */
const shortToken = 20;

/** What was pasted as a token, without a sign of it, and what is odd about it; `odd` is null where it looks like one. */
export function pastedTokenText(pasted: string): {
  readonly text: string;
  readonly odd: string | null;
} {
  const length = counted(pasted.length, "character");
  if (!pasted.startsWith("hf_")) {
    const odd = /\s/.test(pasted) ? "It contains spaces." : "It does not begin with hf_.";
    return { text: length, odd };
  }
  const text = `hf_…, ${length}`;
  if (/\s/.test(pasted)) return { text, odd: "It contains spaces." };
  return {
    text,
    odd: pasted.length < shortToken ? "It is shorter than a token usually is." : null,
  };
}

/** What the Hub said against a token, and what to do; `typed`: it was pasted. */
export function refusedTokenText(message: string, typed: boolean): string {
  return `${message} ${typed ? "Paste another one, or press Esc." : "Choose another option."}`;
}

/** What is missing where Enter comes before anything was typed. */
export function emptyFieldText(kind: Question["kind"]): string {
  return `${kind === "secret" ? "Paste a token" : "Type a folder"} first, or press Esc.`;
}

const startupTexts = {
  progressive: "right away",
  wait: "after all downloads finish",
  warmup: "after all downloads finish; a warm-up container checks the models at each start",
} as const;

export function startupText(startup: PlanReady["startup"]): string {
  return startupTexts[startup];
}

/** "Update: ~/stack/.env". */
export function fileText(file: PlannedFile): string {
  const kept =
    file.backupPath === undefined ? "" : ` (your version is saved as ${file.backupPath})`;
  return `${actions[file.action]}: ${file.path}${kept}`;
}

/** A file's heading and its diff. */
export function fileLines(file: PlannedFile): string[] {
  const diff = (file.diff ?? "").split("\n").filter((line) => line !== "");
  return [fileText(file), ...diff.map((line) => `  ${line}`)];
}

/** What is asked where an earlier run left answers. */
export function earlierTitle(earlier: Interview["earlier"]): string {
  return earlier === "finished"
    ? "It is already set up here. Use the same answers again?"
    : "Continue where you left off?";
}

export const earlierAnswers = "Your answers from last time:";

/** Each question and what was answered. Consent is not kept, so there is no earlier answer to it. */
export function answerFacts(interview: Interview, { questions, answers }: Step): PlanFact[] {
  return questions
    .filter(({ kind }) => kind !== "confirm")
    .map((question) => {
      const values = question.selected(answers);
      const labels = question
        .options(interview, answers)
        .filter(({ value, locked }) => locked || values.includes(value))
        .map(({ label }) => label);
      // A folder that was typed is no option.
      const value = (labels.length > 0 ? labels : values).join(", ");
      return { label: question.title, value };
    });
}

/** What these answers would change now, and what is there already. */
export function changeText(plan: PlanReady): string {
  const missing = missingBytes(plan);
  const changed = plan.files.filter(({ action }) => action !== "unchanged").length;
  if (missing === 0 && changed === 0) {
    return "Nothing would change: all models are ready and every file is up to date.";
  }
  const bytes = cachedBytesOf(plan);
  const cached = bytes === 0 ? "" : ` (${formatBytes(bytes)} already cached)`;
  const download =
    missing === 0 ? "All models are ready" : `${formatBytes(missing)} to download${cached}`;
  return `${download}, ${changed === 0 ? "no file to write" : `${counted(changed, "file")} to write`}.`;
}
