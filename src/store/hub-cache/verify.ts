import type { Survey } from "../../download/survey.ts";
import type { Host } from "../../host/host.ts";
import type { Emit } from "../../run/event.ts";
import type { ModelProgress } from "../../run/events/download.ts";
import { exitCodes, Failure } from "../../run/failure.ts";
import { createRate } from "../../run/rate.ts";
import { checkFiles } from "../check-files.ts";
import { promisedDigest } from "../hashing.ts";
import { type Damage, inspectCache, type PresentContent } from "./inspect.ts";

export interface VerifyRequest {
  readonly host: Pick<Host, "files" | "clock">;
  readonly survey: Survey;
  /** True: what is missing of a model that is still coming counts too. */
  readonly whole: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly threads?: number;
}

export interface Verification {
  /** Hashed, or seen to be damaged before. */
  readonly files: number;
  readonly bytes: number;
  readonly damaged: readonly Damage[];
  /** Plain copies whose hash nobody promised: listed from the cache alone. */
  readonly uncheckedFiles: number;
}

const usualThreads = 4;

/** Hashes every cached file of the survey's models, and tells each that is not as the Hub promises. Changes nothing. @throws AbortError */
export async function verifyModels(request: VerifyRequest): Promise<Verification> {
  const { host, survey, whole, emit, signal, threads = usualThreads } = request;
  const startMs = host.clock.monotonicMs();
  const { damaged: seen, present } = await inspectCache({
    files: host.files,
    survey,
    whole,
    signal,
  });
  const damaged = [...seen];
  for (const damage of seen) tellDamage(emit, damage);
  const checkable = present.filter(({ blob }) => blob.hash.hex !== "");
  const orders = checkable
    .toSorted((a, b) => b.blob.sizeBytes - a.blob.sizeBytes)
    .map((content) => ({
      content,
      path: content.file,
      sizeBytes: content.blob.sizeBytes,
      gitSha1: content.blob.hash.algorithm === "git-sha1",
    }));
  const telling = createVerifyProgress(request, checkable, startMs);
  await checkFiles({
    files: orders,
    threads,
    signal,
    onReached: ({ content }, bytes) => telling.reached(content, bytes),
    onChecked({ file: { content }, answer }) {
      const { blob, file } = content;
      if (answer.type === "failed") {
        damaged.push({
          ...blob,
          file,
          reason: "unreadable",
          expected: blob.hash.hex,
          found: answer.code,
        });
      } else if (answer.bytes !== blob.sizeBytes) {
        const [expected, found] = [String(blob.sizeBytes), String(answer.bytes)];
        damaged.push({ ...blob, file, reason: "size", expected, found });
      } else {
        const found = promisedDigest(blob.hash, answer.digests);
        if (found === blob.hash.hex) {
          const { repo, path, sizeBytes: bytes } = blob;
          emit({ type: "file.verified", repo, path, sha256: answer.digests.sha256, bytes });
          telling.checked(content, true);
          return;
        }
        damaged.push({ ...blob, file, reason: "hash", expected: blob.hash.hex, found });
      }
      const last = damaged.at(-1);
      if (last !== undefined) tellDamage(emit, last);
      telling.checked(content, false);
    },
  });
  telling.end();
  const files = countFiles([...seen, ...checkable.map(({ blob }) => blob)]);
  const bytes = checkable.reduce((sum, { blob }) => sum + blob.sizeBytes, 0);
  const elapsedMs = Math.round(host.clock.monotonicMs() - startMs);
  emit({ type: "verify.finished", files, bytes, damaged: countFiles(damaged), elapsedMs });
  return { files, bytes, damaged, uncheckedFiles: present.length - checkable.length };
}

/** A file whose link is wrong and whose content was looked at too is one file. */
export function countFiles(files: readonly Pick<Damage, "repo" | "path">[]): number {
  return new Set(files.map(({ repo, path }) => `${repo}\n${path}`)).size;
}

/** @throws Failure `models.damaged`, exit status 6, naming the first file and its hashes */
export function requireSound(damaged: readonly Damage[]): void {
  const [first] = damaged;
  if (first === undefined) return;
  const others = damaged.length - 1;
  const more = others === 0 ? "" : ` ${others} more ${others === 1 ? "is" : "are"} not right.`;
  throw new Failure({
    code: "models.damaged",
    message: `${first.path} of ${first.repo} ${damageWords(first)}.${more}`,
    hint: "Put it right with: heros models repair",
    exitCode: exitCodes.hash,
  });
}

function damageWords({ reason, expected, found, hash }: Damage): string {
  const kind = hash.algorithm === "sha256" ? "SHA-256" : "git SHA-1";
  switch (reason) {
    case "missing":
      return `is missing; its ${kind} should be ${expected}`;
    case "link":
      return `is a link to ${found ?? "nothing"}, and should lead to the content with the ${kind} ${expected}`;
    case "size":
      return `is damaged: it has ${found ?? "0"} bytes, and should have ${expected} (${kind} ${hash.hex})`;
    case "hash":
      return `is damaged: its ${kind} is ${found ?? "unknown"}, and should be ${expected}`;
    case "unreadable":
      return `can't be read (${found ?? "unknown reason"}); its ${kind} should be ${expected}`;
  }
}

function tellDamage(emit: Emit, damage: Damage): void {
  const { models, repo, path, file, reason, expected, found } = damage;
  emit({ type: "file.damaged", models, repo, path, file, reason, expected, found });
}

/** With the last one, five a second. */
const progressMs = 250;

interface Checked {
  bytes: number;
  /** Null while it is being hashed, or waits. */
  sound: boolean | null;
}

/** Folds what the threads say into at most five `verify.progress` a second. */
export function createVerifyProgress(
  {
    host,
    survey,
    emit,
  }: { readonly host: Pick<Host, "clock">; readonly survey: Survey; readonly emit: Emit },
  contents: readonly PresentContent[],
  startMs: number,
) {
  const states = new Map<PresentContent, Checked>(
    contents.map((content) => [content, { bytes: 0, sound: null }]),
  );
  const rate = createRate(0, startMs);
  const totalBytes = contents.reduce((sum, { blob }) => sum + blob.sizeBytes, 0);
  let checkedBytes = 0;
  let checkedFiles = 0;
  let toldMs = startMs;

  const progressOf = ({ id, title, tier }: Survey["models"][number]): ModelProgress[] => {
    const own = [...states].filter(([{ blob }]) => blob.models.includes(id));
    if (own.length === 0) return [];
    const checked = own.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    return [
      {
        id,
        title,
        tier,
        state: stateOf(own.map(([, state]) => state)),
        receivedBytes: checked,
        verifiedBytes: checked,
        totalBytes: own.reduce((sum, [{ blob }]) => sum + blob.sizeBytes, 0),
        bytesPerSecond: 0,
        etaSeconds: null,
      },
    ];
  };
  const tell = (nowMs: number): void => {
    toldMs = nowMs;
    const etaSeconds = rate.etaSeconds(totalBytes - checkedBytes, nowMs);
    emit({
      type: "verify.progress",
      checkedFiles,
      files: contents.length,
      checkedBytes,
      totalBytes,
      bytesPerSecond: Math.round(rate.bytesPerSecond(nowMs)),
      etaSeconds: etaSeconds === null ? null : Math.round(etaSeconds * 10) / 10,
      models: survey.models.flatMap(progressOf),
    });
  };
  const reached = (content: PresentContent, bytes: number): void => {
    const state = states.get(content);
    if (state === undefined) return;
    checkedBytes += bytes - state.bytes;
    state.bytes = bytes;
    const nowMs = host.clock.monotonicMs();
    rate.record(checkedBytes, nowMs);
    if (nowMs - toldMs >= progressMs) tell(nowMs);
  };
  return {
    reached,
    checked(content: PresentContent, sound: boolean): void {
      const state = states.get(content);
      if (state !== undefined) state.sound = sound;
      checkedFiles += 1;
      reached(content, content.blob.sizeBytes);
    },
    end(): void {
      if (contents.length > 0) tell(host.clock.monotonicMs());
    },
  };
}

function stateOf(files: readonly Checked[]): ModelProgress["state"] {
  if (files.some(({ sound }) => sound === false)) return "failed";
  if (files.every(({ sound }) => sound === true)) return "ready";
  return files.some(({ bytes }) => bytes > 0) ? "verifying" : "waiting";
}
