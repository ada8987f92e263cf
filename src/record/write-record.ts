import path from "node:path";
import type { Host } from "../host/host.ts";
import type { TimedEvent } from "../run/event.ts";
import { printableJson } from "../run/json.ts";
import { recordsDir } from "./state-dir.ts";

const keptLogs = 10;

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
    return {
      file: record,
      write: (event) => void stream.write(`${printableJson(event)}\n`),
      close: () => new Promise((resolve) => stream.end(() => resolve())),
    };
  } catch {
    return noRunLog;
  }
}
