import { readdirSync, readFileSync } from "node:fs";
import type { TimedEvent } from "../../src/run/event.ts";

const folder = new URL("./fixtures/", import.meta.url);

/** Names of the recorded runs. */
export const recordings: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith(".jsonl"))
  .map((name) => name.replace(/\.jsonl$/, ""))
  .toSorted();

/** The events of a recorded run. */
export function recording(name: string): readonly TimedEvent[] {
  return readFileSync(new URL(`${name}.jsonl`, folder), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as TimedEvent);
}
