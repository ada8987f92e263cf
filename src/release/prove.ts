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

const started = z.looseObject({ v: z.literal(1), type: z.literal("run.started") });

/** A version answers `--version`, and with its own. @throws Failure `release.broken` (1), AbortError */
export async function proveVersion({ host, signal, folder, version }: Proof): Promise<void> {
  const { command, args } = programOf(folder);
  const all = [...args, "--version"];
  const ran = await host.processes.run({ command, args: all, timeoutMs: limitMs, signal });
  if (ran.exitCode === 0 && ran.stdout.trim() === version) return;
  const said = `${ran.stderr}\n${ran.stdout}`.trim().split("\n")[0] ?? "";
  const why = ran.timedOut
    ? `no answer within ${limitMs / 1000} s`
    : ran.exitCode === 0
      ? `it says that it is ${said || "nothing"}`
      : said || "it can't be started";
  throw failure("release.broken", { version, why });
}

/** A version proves itself: it answers `--version`, and `doctor --json` starts. @throws Failure `release.broken` (1), AbortError */
export async function proveStarts(proof: Proof): Promise<void> {
  await proveVersion(proof);
  const { host, signal, folder, version } = proof;
  const { command, args } = programOf(folder);
  const enough = new AbortController();
  let said = "";
  try {
    const ran = await host.processes.run({
      command,
      args: [...args, "doctor", "--json"],
      timeoutMs: limitMs,
      signal: AbortSignal.any([signal, enough.signal]),
      onLine(line, stream) {
        if (stream === "stdout" && started.safeParse(parseJson(line)).success) enough.abort();
        else if (said === "") said = line;
      },
    });
    said ||= ran.timedOut ? `no event within ${limitMs / 1000} s` : "it ends without an event";
  } catch (error) {
    signal.throwIfAborted();
    if (!enough.signal.aborted) throw error;
  }
  if (!enough.signal.aborted) throw failure("release.broken", { version, why: `doctor: ${said}` });
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
