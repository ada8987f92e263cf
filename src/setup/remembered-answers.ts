import path from "node:path";
import { z } from "zod";
import type { Host } from "../host/host.ts";
import type { Planning } from "../plan/planning.ts";
import type { AnswerValues } from "../plan/resolve.ts";

const values = z.array(z.string()).optional();
const shape = z.object({
  version: z.literal(1),
  /** False while a wizard or the work after it is under way. */
  finished: z.boolean(),
  answers: z.object({ tiers: values, keepToken: values, storage: values, startup: values }),
});

export interface RememberedAnswers {
  readonly answers: AnswerValues;
  readonly earlier: Planning["earlier"];
}

function fileOf(stateDir: string): string {
  return path.join(stateDir, "answers.json");
}

/** The answers of the last run; none where there are none or they can't be read. */
export async function recallAnswers(host: Host, stateDir: string): Promise<RememberedAnswers> {
  try {
    const parsed = shape.parse(JSON.parse(await host.files.readFile(fileOf(stateDir), "utf8")));
    const answers = Object.fromEntries(
      Object.entries(parsed.answers).filter(([, value]) => value !== undefined),
    );
    return { answers, earlier: parsed.finished ? "finished" : "interrupted" };
  } catch {
    return { answers: {}, earlier: "none" };
  }
}

/** Keeps answers for the next run. They never hold a token; a state folder that can't be written is no reason to stop. */
export async function rememberAnswers(
  host: Host,
  {
    stateDir,
    answers,
    finished,
  }: { readonly stateDir: string; readonly answers: AnswerValues; readonly finished: boolean },
): Promise<void> {
  const file = fileOf(stateDir);
  try {
    await host.files.mkdir(stateDir, { recursive: true, mode: 0o700 });
    const temporary = `${file}.${host.pid}`;
    await host.files.writeFile(
      temporary,
      `${JSON.stringify({ version: 1, finished, answers })}\n`,
      { mode: 0o600 },
    );
    await host.files.rename(temporary, file);
  } catch {
    return;
  }
}
