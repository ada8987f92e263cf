import { PassThrough } from "node:stream";
import { parseLine } from "../../record/read-record.ts";
import { isClosing, type ClosingEvent, type TimedEvent } from "../../run/event.ts";
import { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import type { Secret } from "../../run/secret.ts";
import type { Connection } from "../../ssh/connection.ts";
import { shellWord } from "../../ssh/shell-command.ts";
import type { Work } from "../command-request.ts";

export interface RunHeros {
  readonly connection: Connection;
  /** Sets what `program` needs. */
  readonly before?: string;
  /** What is started, as sh reads it, with `--json`. */
  readonly program: string;
  /** More arguments, whatever is in them. */
  readonly words: readonly string[];
  readonly values: Readonly<Record<string, string>>;
  /** Variables of its environment, by name, which go by standard input; each is one line. */
  readonly secrets?: Readonly<Record<string, Secret>>;
  /** Events that are told here as they come; others are passed over. */
  readonly tells?: (event: TimedEvent) => boolean;
}

/** A run of hours with thousands of files tells less. */
const mostLines = 2_000_000;
const mostBytes = 512 * 1024 * 1024;

/**
 * Runs heros on the other machine, and tells its events here. It ends there when the connection does, however that ends.
 * @returns the sentences of its closing page
 * @throws Failure as it ended there, `push.failed_there` (1), `push.bad_answer`, `push.lost` (5); AbortError
 */
export async function runHeros(work: Work, run: RunHeros): Promise<readonly string[]> {
  const { emit, signal } = work;
  const { connection, before = "", program, words, values, secrets = {} } = run;
  const { host } = connection.address;
  const tells = run.tells ?? (({ type }) => type === "notice");
  const input = new PassThrough();
  // It stays open: its end is what ends the command there.
  for (const [name, secret] of Object.entries(secrets)) {
    input.write(`${name}=${secret.reveal()}\n`);
  }
  input.write("\n");
  let closing: ClosingEvent | null = null;
  let [lines, bytes] = [0, 0];
  const tooMuch = new AbortController();
  const said: string[] = [];
  try {
    const { exitCode } = await connection.run({
      script: `${before} ${guarded(program, words)}`,
      values,
      input,
      keepsNoOutput: true,
      signal: AbortSignal.any([signal, tooMuch.signal]),
      onLine(line, stream) {
        lines += 1;
        bytes += line.length;
        if (lines > mostLines || bytes > mostBytes) return tooMuch.abort();
        if (stream === "stderr") {
          if (said.length < 20 && line.trim() !== "") said.push(line.trim().slice(0, 300));
          return;
        }
        const event = eventIn(line);
        if (event === null || closing !== null) return;
        if (isClosing(event)) closing = event;
        else if (tells(event)) emit(ofOther(host, event));
      },
    });
    return endOf({ host, exitCode, closing, said });
  } catch (error) {
    signal.throwIfAborted();
    if (!tooMuch.signal.aborted) throw error;
    throw failure("push.bad_answer", { host, what: "it does not end" }, error);
  } finally {
    input.destroy();
  }
}

/**
 * The program with its standard input closed, and beside it whoever waits for the end of ours: no signal comes with the end of a
 * connection. Both are alone in a session that the ssh server made.
 */
function guarded(program: string, words: readonly string[]): string {
  const args = words.map(shellWord).join(" ");
  return `
while IFS= read -r line && [ -n "$line" ]; do export "$line"; done;
exec 3<&0;
{ while read -r more; do :; done <&3; kill -TERM 0; } >/dev/null 2>&1 &
${program} ${args} </dev/null 3<&-
`;
}

/** Half a line, what a startup file prints, and events of a later heros are none of ours. */
function eventIn(line: string): TimedEvent | null {
  if (!line.startsWith("{")) return null;
  try {
    return parseLine(line, "there");
  } catch {
    return null;
  }
}

/** A person must see which machine says so. */
function ofOther(host: string, { v: _v, at: _at, ...event }: TimedEvent) {
  return event.type === "notice" ? { ...event, message: `${host}: ${event.message}` } : event;
}

interface Ended {
  readonly host: string;
  readonly exitCode: number | null;
  readonly closing: ClosingEvent | null;
  readonly said: readonly string[];
}

function endOf({ host, exitCode, closing, said }: Ended): readonly string[] {
  if (closing?.type === "run.succeeded" && exitCode === 0) return closing.summary;
  if (closing?.type === "run.failed") {
    const { code, message, hint, exitCode: status } = closing;
    throw new Failure({
      code,
      message: `On ${host}: ${message}`,
      hint: hint === "" ? "" : `On ${host}: ${hint}`,
      exitCode: status,
    });
  }
  if (closing?.type === "run.cancelled") {
    throw failure("push.failed_there", { host, what: "heros", said: "somebody stopped it" });
  }
  if (said.some((line) => /No space left|quota exceeded/iu.test(line))) {
    throw failure("push.disk_full", { host, folder: "the home folder" }, said.join("\n"));
  }
  const words = said.at(-1) ?? `it ended with status ${exitCode ?? "unknown"}`;
  throw failure("push.failed_there", { host, what: "heros", said: words });
}
