import path from "node:path";
import type { Host } from "../host/host.ts";
import { isClosing, type TimedEvent } from "../run/event.ts";
import { printableJson } from "../run/json.ts";
import { recordsDir } from "./state-dir.ts";

const keptLogs = 10;
/** A server may run for months: of a record that is so long, only the end still comes. */
const mostBytes = 64 * 1024 * 1024;

export interface RunLog {
  /** Absolute; null where nothing is recorded. */
  readonly file: string | null;
  write(event: TimedEvent): void;
  close(): Promise<void>;
}

/** Records nothing. */
export const noRunLog: RunLog = { file: null, write: () => {}, close: async () => {} };

/**
 * Records the events of a run as JSON lines in `<stateDir>/logs`, mode 0600: what a person attaches to a report, and what replays through any writer.
 * Keeps the last ten. A state folder that can't be written is no reason to stop: nothing is recorded then.
 */
export async function openRunLog(host: Host, stateDir: string, command: string): Promise<RunLog> {
  const folder = recordsDir(stateDir);
  const stamp = host.clock.now().toISOString().replaceAll(":", "-");
  try {
    await host.files.mkdir(folder, { recursive: true, mode: 0o700 });
    const names = (await host.files.readdir(folder))
      .filter((name) => name.endsWith(".jsonl"))
      .toSorted();
    const stale = names.slice(0, Math.max(0, names.length - keptLogs + 1));
    const name = `${stamp}-${command}-${host.pid}.jsonl`;
    const record = path.join(folder, name);
    const [file] = await Promise.all([
      host.files.open(record, "ax", 0o600),
      ...stale.map((old) => host.files.rm(path.join(folder, old), { force: true })),
    ]);
    const stream = file.createWriteStream();
    stream.on("error", () => {});
    let bytes = 0;
    return {
      file: record,
      write(event) {
        // What a server's clients do twice a second is for those who look.
        if (event.type === "serve.progress" || (bytes > mostBytes && !isClosing(event))) return;
        const line = `${printableJson(event)}\n`;
        bytes += line.length;
        stream.write(line);
      },
      close: () => new Promise((resolve) => stream.end(() => resolve())),
    };
  } catch {
    return noRunLog;
  }
}
