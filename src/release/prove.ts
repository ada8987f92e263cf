import path from "node:path";
import { z } from "zod";
import type { Host } from "../host/host.ts";
import { failure } from "../run/failures/table.ts";
import { parseJson } from "../run/json.ts";
import { programOf } from "./tree.ts";

export interface Proof {
  readonly host: Pick<Host, "processes">;
  readonly signal: AbortSignal;
  /** Of the version's tree. */
  readonly folder: string;
  readonly version: string;
}

/** A busy machine starts Node in a second or two. */
const limitMs = 60_000;

const failed = z.looseObject({ type: z.literal("run.failed"), message: z.string() });

/** What it says, as an event or in another way. */
function messageIn(line: string): string {
  return failed.safeParse(parseJson(line)).data?.message ?? line;
}

const started = z.looseObject({ v: z.literal(1), type: z.literal("run.started") });

/** A version answers `--version`, and with its own. @throws Failure `release.broken` (1), AbortError */
export async function proveVersion({ host, signal, folder, version }: Proof): Promise<void> {
  const { command, args } = programOf(folder);
  const all = [...args, "--version"];
  const ran = await host.processes.run({ command, args: all, timeoutMs: limitMs, signal });
  if (ran.exitCode === 0 && ran.stdout.trim() === version) return;
  const why = ran.timedOut
    ? `it did not answer within ${limitMs / 1000} s`
    : ran.exitCode === 0
      ? `it says that it is ${reasonIn(ran.stdout) || "nothing"}`
      : reasonIn(ran.stderr) || reasonIn(ran.stdout) || endOf(ran.exitCode);
  throw failure("release.broken", { version, why });
}

/** The line of an output that says most: of Node's own, that which names the error; else the first. */
export function reasonIn(output: string): string {
  const lines = output.trim().split("\n");
  const named = lines.find((line) => /^(?:\w*Error|\w+Exception)\b.*:/u.test(line));
  return (named ?? lines[0] ?? "").trim().slice(0, 300);
}

function endOf(exitCode: number | null): string {
  return exitCode === null ? "it can't be started" : `it ended with status ${exitCode}`;
}

/** A version proves itself: it answers `--version`, and `doctor --json` starts. @throws Failure `release.broken` (1), AbortError */
export async function proveStarts(proof: Proof): Promise<void> {
  await proveVersion(proof);
  const { host, signal, folder, version } = proof;
  const { command, args } = programOf(folder);
  const enough = new AbortController();
  let why = "";
  let printed = "";
  try {
    const ran = await host.processes.run({
      command,
      args: [...args, "doctor", "--json"],
      timeoutMs: limitMs,
      signal: AbortSignal.any([signal, enough.signal]),
      onLine(line, stream) {
        if (stream === "stdout" && started.safeParse(parseJson(line)).success) enough.abort();
        else if (stream === "stdout") printed ||= messageIn(line);
      },
    });
    const said = reasonIn(ran.stderr) || printed.slice(0, 300);
    why = ran.timedOut
      ? `it did not begin within ${limitMs / 1000} s`
      : said || endOf(ran.exitCode);
  } catch (error) {
    signal.throwIfAborted();
    if (!enough.signal.aborted) throw error;
  }
  if (!enough.signal.aborted) {
    throw failure("release.broken", { version, why: `heros doctor: ${why}` });
  }
}

/** Has Node keep the compiled form of what the usual commands load, so that the first run is quick too. Nothing depends on it. */
export async function warmCompileCache({
  host,
  signal,
  folder,
}: Omit<Proof, "version">): Promise<void> {
  await host.processes.run({
    command: path.join(folder, "runtime/node"),
    args: [path.join(folder, "app/dist/cli/warm-compile-cache.js")],
    env: { NODE_COMPILE_CACHE: path.join(folder, "app/node_modules/.cache/heros") },
    timeoutMs: limitMs,
    signal,
  });
}
