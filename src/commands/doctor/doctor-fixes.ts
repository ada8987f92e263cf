import path from "node:path";
import type { Findings } from "../../checks/detect.ts";
import type { CheckId } from "../../checks/table.ts";
import { herosFile } from "../../deploy/compose/compose-files.ts";
import { writeStack } from "../../deploy/compose/deployment.ts";
import { runDocker } from "../../docker/pull-or-load.ts";
import { late } from "../../host/time-limit.ts";
import { errorCode, Failure, isAbort } from "../../run/failure.ts";
import { quoted } from "../../run/shell-quote.ts";
import type { Work } from "../command-request.ts";
import type { AskedInstallation } from "./installation.ts";

/** Something that heros can fix without harm: nothing is deleted that anybody uses, and nothing of the user's is changed. */
export interface Fix {
  readonly id: CheckId;
  /** What is done, as a command or a sentence. */
  readonly text: string;
  readonly apply: () => Promise<void>;
}

/** What can be fixed of what was found. Changes nothing. */
export async function findFixes(
  work: Work,
  here: AskedInstallation,
  findings: Findings,
): Promise<readonly Fix[]> {
  const ids = findings.checks.flatMap(({ id, status }) =>
    status === "warning" || status === "failed" ? [id] : [],
  );
  const fixes = await Promise.all([
    ids.includes("token") ? closeTokens(work, here) : [],
    ids.includes("files") ? rewriteFile(work, here) : [],
    ids.includes("files") ? closeEnv(work, here) : [],
    ids.includes("leftovers") ? removeNames(work, here) : [],
  ]);
  return fixes.flat();
}

/** Shows each before it is done. @returns the ids of the checks for which something was done */
export async function applyFixes({ emit }: Work, fixes: readonly Fix[]): Promise<CheckId[]> {
  const done = new Set<CheckId>();
  for (const { id, text, apply } of fixes) {
    emit({ type: "notice", level: "info", code: "doctor.fixing", message: `Fixing: ${text}` });
    try {
      await apply();
      done.add(id);
    } catch (error) {
      if (isAbort(error) || !(error instanceof Error)) throw error;
      const reason = error instanceof Failure ? error.message : (errorCode(error) ?? error.message);
      const message = `Not fixed: ${reason}`;
      emit({ type: "notice", level: "warning", code: "doctor.not_fixed", message });
    }
  }
  return [...done];
}

async function closeTokens(
  { host: { files } }: Work,
  { installation }: AskedInstallation,
): Promise<Fix[]> {
  const tokens = await installation.tokens;
  if (tokens === late) return [];
  return tokens.flatMap(({ path: file, isOpen }) =>
    file === null || !isOpen
      ? []
      : [{ id: "token", text: `chmod 600 ${quoted(file)}`, apply: () => files.chmod(file, 0o600) }],
  );
}

async function closeEnv(
  { host: { files } }: Work,
  { files: { openEnv } }: AskedInstallation,
): Promise<Fix[]> {
  if (openEnv === null) return [];
  const text = `chmod 600 ${quoted(openEnv)}`;
  return [{ id: "files", text, apply: () => files.chmod(openEnv, 0o600) }];
}

/** Only where that file alone is not as a setup would write it, and nobody has edited it. */
async function rewriteFile({ host, emit }: Work, { files }: AskedInstallation): Promise<Fix[]> {
  const open = files.changes.filter(({ action }) => action !== "unchanged");
  const [change] = open;
  if (change === undefined || open.length > 1) return [];
  if (path.basename(change.path) !== herosFile || change.backupPath !== undefined) return [];
  const text = `writing ${change.path} again. heros setup applies it.`;
  return [{ id: "files", text, apply: () => writeStack({ host, changes: [change], emit }) }];
}

async function removeNames(
  { host, signal }: Work,
  { installation }: AskedInstallation,
): Promise<Fix[]> {
  const names = await installation.leftNames;
  if (names === late) return [];
  return names.map((name) => ({
    id: "leftovers",
    text: `docker rmi ${quoted(name)}`,
    async apply() {
      const said = await runDocker(host, ["rmi", name], { signal });
      if (said !== null) throw new Error(said.trim());
    },
  }));
}
