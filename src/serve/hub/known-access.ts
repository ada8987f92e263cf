import { join } from "node:path";
import type { Host } from "../../host/host.ts";
import { openUnwaited, readShortText } from "../../host/own-file.ts";
import { writeAtomically } from "../../host/text-files.ts";
import { isRecord, parseJson } from "../../run/json.ts";
import type { RepoAccess } from "../../source/hub/access.ts";
import type { Access } from "./cached-models.ts";

export interface KnownAccessOptions {
  readonly host: Pick<Host, "files" | "clock" | "pid" | "random">;
  /** What was found out is kept there for a run that can't ask. */
  readonly stateDir: string;
  /** Asks the Hub as anybody may; null where nobody is asked. @throws where it can't be known */
  readonly ask: ((repo: string) => Promise<RepoAccess>) | null;
}

interface Known {
  readonly access: RepoAccess;
  /** By the machine's own clock. */
  readonly atMs: number;
}

/** After so long it is asked again. What could not be seen may be published any time. */
const goodForMs = { public: 86_400_000, gated: 3_600_000, hidden: 60_000 };
/** A Hub that does not answer is not asked again for each file. */
const failedForMs = 10_000;
const maxFileBytes = 4 * 1024 * 1024;
/** Of repositories in memory; a stranger may ask for any name. */
const mostKnown = 10_000;

/** Who may have a repository, as the Hub says, or said when it was asked last. */
export function knownAccess({
  host,
  stateDir,
  ask,
}: KnownAccessOptions): (repo: string) => Promise<Access> {
  const file = join(stateDir, "serve-access.json");
  const known = new Map<string, Known>();
  const asking = new Map<string, Promise<Access>>();
  const failed = new Map<string, number>();
  let loading: Promise<void> | null = null;
  const now = (): number => host.clock.now().getTime();

  async function load(): Promise<void> {
    const text = await readShortText(openUnwaited(host.files, file), maxFileBytes);
    const value = parseJson(text);
    const repos = isRecord(value) && value["v"] === 1 ? value["repos"] : null;
    for (const [repo, entry] of Object.entries(isRecord(repos) ? repos : {})) {
      if (isKnown(entry)) known.set(repo, entry);
    }
  }

  async function keep(): Promise<void> {
    const repos = Object.fromEntries([...known].filter(([, { access }]) => access !== "hidden"));
    const content = `${JSON.stringify({ v: 1, repos })}\n`;
    await host.files
      .mkdir(stateDir, { recursive: true })
      .then(() => writeAtomically({ host, path: file, content, mode: 0o600, durable: false }))
      .catch(() => {});
  }

  async function askAgain(repo: string, before: Known | undefined): Promise<Access> {
    const earlier = before?.access ?? "unknown";
    if (ask === null || now() - (failed.get(repo) ?? 0) < failedForMs) return earlier;
    try {
      const access = await ask(repo);
      if (known.size >= mostKnown) known.clear();
      known.set(repo, { access, atMs: now() });
      if (access !== before?.access && access !== "hidden") await keep();
      return access;
    } catch {
      if (failed.size >= mostKnown) failed.clear();
      failed.set(repo, now());
      return earlier;
    }
  }

  return async (repo) => {
    loading ??= load();
    await loading;
    const before = known.get(repo);
    if (before !== undefined && now() - before.atMs < goodForMs[before.access]) {
      return before.access;
    }
    const running = asking.get(repo) ?? askAgain(repo, before).finally(() => asking.delete(repo));
    asking.set(repo, running);
    return running;
  };
}

function isKnown(value: unknown): value is Known {
  if (!isRecord(value) || !Number.isSafeInteger(value["atMs"])) return false;
  return value["access"] === "public" || value["access"] === "gated";
}
