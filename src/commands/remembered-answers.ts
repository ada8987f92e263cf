import path from "node:path";
import type { Host } from "../host/host.ts";
import { writeAtomically } from "../host/text-files.ts";
import type { Interview } from "../plan/interview.ts";
import { questions } from "../plan/questions.ts";
import type { AnswerValues } from "../plan/resolve.ts";
import { settings, type SettingValues } from "../plan/settings.ts";
import { mountOf } from "../plan/storage.ts";
import { stackAnswersFile } from "../record/known-stacks.ts";
import { readState } from "../record/state-dir.ts";
import { isRecord, parseJson } from "../run/json.ts";
import { cacheVariable, findCacheDir } from "../source/hub/environment.ts";

/** The environment names another cache than the remembered one, and wins. */
export interface Overruled {
  readonly variable: string;
  /** The remembered one. */
  readonly cacheDir: string;
  readonly instead: string;
}

export interface RememberedAnswers {
  readonly answers: AnswerValues;
  readonly earlier: Interview["earlier"];
  /** Absolute: where the last setup that got its consent put the models. Null too where the environment overrules it. */
  readonly cacheDir: string | null;
  readonly overruled: Overruled | null;
  /** Storages that models may still have to be taken over from: those of setups before this one. */
  readonly former: readonly string[];
  /** Settings that were given, for who continues without a word. */
  readonly given: SettingValues;
}

/** As in the file. */
export interface Kept {
  /** Absolute: the stack that they are about; null in a file that does not say. */
  readonly stackDir: string | null;
  /** False while a wizard or the work after it is under way. */
  readonly finished: boolean;
  readonly cacheDir: string | null;
  readonly answers: AnswerValues;
  readonly given: SettingValues;
  /** Left by setups that came to no end after another storage was chosen. */
  readonly former: readonly string[];
}

/** Of the last setup, of whatever stack. */
export function lastFile(stateDir: string): string {
  return path.join(stateDir, "answers.json");
}

/**
 * The answers of the stack's last setup, else of the last setup here; none where there are none or they can't be read.
 * @param stackDir left out for the last setup, of whatever stack
 */
export async function recallAnswers(
  host: Host,
  stateDir: string,
  stackDir?: string,
): Promise<RememberedAnswers> {
  const kept = await recallKept(host, stateDir, stackDir);
  if (kept === null) {
    return { answers: {}, earlier: "none", cacheDir: null, overruled: null, former: [], given: {} };
  }
  const { answers, cacheDir, finished, given } = kept;
  const former = formerOf(kept);
  const earlier = finished ? "finished" : "interrupted";
  const { storage, ...others } = answers;
  const variable = cacheVariable(host.env);
  const instead = findCacheDir(host);
  const place = cacheDir ?? (storage?.[0]?.startsWith("/") === true ? storage[0] : null);
  if (variable === null || place === instead) {
    return { answers, earlier, cacheDir, overruled: null, former, given };
  }
  const overruled = place === null ? null : { variable, cacheDir: place, instead };
  return { answers: others, earlier, cacheDir: null, overruled, former, given };
}

/** A volume is found by its name alone; a folder that was given or agreed to, by its path. */
function formerOf({ answers, cacheDir, former, finished }: Kept): string[] {
  const volume = answers.storage?.find((storage) => mountOf(storage).kind !== "folder");
  const places = [volume, cacheDir, ...(finished ? [] : former)];
  return [...new Set(places.filter((place) => typeof place === "string"))];
}

/** As `recallAnswers`, as they are in the file; null where there are none. */
export async function recallKept(
  host: Host,
  stateDir: string,
  stackDir?: string,
): Promise<Kept | null> {
  const own = stackDir && (await readKept(host, stackAnswersFile(stateDir, stackDir)));
  return own || readKept(host, lastFile(stateDir));
}

/** Checked by hand: what checks everything else would be loaded by each pull for this alone. */
export async function readKept(host: Host, file: string): Promise<Kept | null> {
  const kept = parseJson(await readState(host.files, file));
  if (!isRecord(kept) || kept["version"] !== 1 || !isRecord(kept["answers"])) return null;
  const { finished, cacheDir, answers, stackDir } = kept;
  const given = isRecord(kept["given"]) ? kept["given"] : {};
  return {
    stackDir: typeof stackDir === "string" && path.isAbsolute(stackDir) ? stackDir : null,
    finished: finished === true,
    former: isTexts(kept["former"]) ? kept["former"] : [],
    cacheDir: typeof cacheDir === "string" && path.isAbsolute(cacheDir) ? cacheDir : null,
    given: Object.fromEntries(
      settings.flatMap(({ id }) => (typeof given[id] === "string" ? [[id, given[id]]] : [])),
    ),
    answers: Object.fromEntries(
      questions.flatMap(({ id, remembered }) => {
        // Sets of models were numbers once, and called otherwise.
        const values = answers[id] ?? (id === "groups" ? answers["tiers"] : undefined);
        return remembered && isTexts(values) ? [[id, values]] : [];
      }),
    ),
  };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** Keeps answers for the next run. They never hold a token; a state folder that can't be written is no reason to stop. */
export async function rememberAnswers(
  host: Host,
  {
    stateDir,
    ...kept
  }: {
    readonly stateDir: string;
    /** Absolute: the stack that they are about. */
    readonly stackDir: string;
    readonly answers: AnswerValues;
    readonly finished: boolean;
    readonly given?: SettingValues;
    /** Left out before there is consent: then the models are still where they were. */
    readonly cacheDir?: string;
  },
): Promise<void> {
  const before = await recallKept(host, stateDir, kept.stackDir);
  const cacheDir = kept.cacheDir ?? before?.cacheDir ?? null;
  const { stackDir, answers, finished, given = {} } = kept;
  const now = [cacheDir, ...(answers.storage ?? [])];
  const former = finished || before === null ? [] : formerOf(before);
  const text = JSON.stringify({
    version: 1,
    stackDir,
    finished,
    cacheDir,
    answers,
    given,
    former: former.filter((place) => !now.includes(place)),
  });
  try {
    const own = stackAnswersFile(stateDir, stackDir);
    await host.files.mkdir(path.dirname(own), { recursive: true, mode: 0o700 });
    const written = { host, content: `${text}\n`, mode: 0o600, durable: false };
    for (const file of [own, lastFile(stateDir)]) await writeAtomically({ ...written, path: file });
  } catch {
    return;
  }
}
