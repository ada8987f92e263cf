import path from "node:path";
import { writeAtomically } from "../host/text-files.ts";
import type { Host } from "../host/host.ts";
import { cacheVariable, findCacheDir } from "../source/hub/environment.ts";
import type { Interview } from "../plan/interview.ts";
import { questions } from "../plan/questions.ts";
import type { AnswerValues } from "../plan/resolve.ts";
import { isRecord, parseJson } from "../run/json.ts";

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
}

/** As in the file. */
interface Kept {
  /** False while a wizard or the work after it is under way. */
  readonly finished: boolean;
  readonly cacheDir: string | null;
  readonly answers: AnswerValues;
}

function fileOf(stateDir: string): string {
  return path.join(stateDir, "answers.json");
}

/** The answers of the last run; none where there are none or they can't be read. */
export async function recallAnswers(host: Host, stateDir: string): Promise<RememberedAnswers> {
  const kept = await readKept(host, stateDir);
  if (kept === null) return { answers: {}, earlier: "none", cacheDir: null, overruled: null };
  const { answers, cacheDir, finished } = kept;
  const earlier = finished ? "finished" : "interrupted";
  const { storage, ...others } = answers;
  const variable = cacheVariable(host.env);
  const instead = findCacheDir(host);
  const place = cacheDir ?? (storage?.[0]?.startsWith("/") === true ? storage[0] : null);
  if (variable === null || place === instead) {
    return { answers, earlier, cacheDir, overruled: null };
  }
  const overruled = place === null ? null : { variable, cacheDir: place, instead };
  return { answers: others, earlier, cacheDir: null, overruled };
}

/** Checked by hand: what checks everything else would be loaded by each pull for this alone. */
async function readKept(host: Host, stateDir: string): Promise<Kept | null> {
  const kept = parseJson(await host.files.readFile(fileOf(stateDir), "utf8").catch(() => ""));
  if (!isRecord(kept) || kept["version"] !== 1 || !isRecord(kept["answers"])) return null;
  const { finished, cacheDir, answers } = kept;
  return {
    finished: finished === true,
    cacheDir: typeof cacheDir === "string" && path.isAbsolute(cacheDir) ? cacheDir : null,
    answers: Object.fromEntries(
      questions.flatMap(({ id, remembered }) => {
        const values = answers[id];
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
    readonly answers: AnswerValues;
    readonly finished: boolean;
    /** Left out before there is consent: then the models are still where they were. */
    readonly cacheDir?: string;
  },
): Promise<void> {
  const file = fileOf(stateDir);
  const cacheDir = kept.cacheDir ?? (await readKept(host, stateDir))?.cacheDir ?? null;
  const { answers, finished } = kept;
  const text = JSON.stringify({ version: 1, finished, cacheDir, answers });
  try {
    await host.files.mkdir(stateDir, { recursive: true, mode: 0o700 });
    await writeAtomically({ host, path: file, content: `${text}\n`, mode: 0o600, durable: false });
  } catch {
    return;
  }
}
