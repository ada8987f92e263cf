import path from "node:path";
import type { Host } from "../host/host.ts";
import { isThere } from "../host/places.ts";
import type { TimedEvent } from "../run/event.ts";
import { isAlive, recallBackground } from "./background-run.ts";
import { followRecord } from "./read-record.ts";
import { recordsDir } from "./state-dir.ts";

const lookMs = 1000;

export interface FollowNewest {
  readonly host: Pick<Host, "files" | "clock">;
  readonly stateDir: string;
  readonly signal: AbortSignal;
}

/** An event of a run, or that another run begins. */
export type NewestEvent = TimedEvent | "begins";

/**
 * The events of the setup or download that began last on this machine, from its first on, as its record has them; then of
 * the one that begins after it, and so on until the signal fires.
 */
export async function* followNewest(follow: FollowNewest): AsyncGenerator<NewestEvent> {
  const { host, signal } = follow;
  let current: string | null = null;
  while (!signal.aborted) {
    const record = await newestRecord(follow);
    if (record === null || record === current) {
      await host.clock.sleep(lookMs, signal).catch(() => {});
      continue;
    }
    current = record;
    yield "begins";
    const isWritten = async (): Promise<boolean> =>
      !signal.aborted && (await newestRecord(follow)) === record && isWriting(follow, record);
    yield* followRecord({ host, record, isWritten, signal });
  }
}

/** Their names begin with the time at which they were made. */
async function newestRecord({ host, stateDir }: FollowNewest): Promise<string | null> {
  const folder = recordsDir(stateDir);
  const names = await host.files.readdir(folder).catch(() => []);
  const newest = names
    .filter((name) => /Z-(?:setup|pull)-\w+\.jsonl$/u.test(name))
    .toSorted()
    .at(-1);
  return newest === undefined ? null : path.join(folder, newest);
}

/** Whether the run that the record is of goes on. */
async function isWriting({ host, stateDir }: FollowNewest, record: string): Promise<boolean> {
  const writer = /-(?<pid>\d+)\.jsonl$/u.exec(record)?.groups?.["pid"];
  if (writer !== undefined) return isThere(host, `/proc/${writer}`);
  const run = await recallBackground(host, stateDir);
  return run?.record === record && isAlive(host, run);
}
