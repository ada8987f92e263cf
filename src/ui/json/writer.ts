import type { TimedEvent } from "../../run/event.ts";
import { printableJson } from "../../run/json.ts";
import { createLineOutput, type Terminal, type Writer } from "../writer.ts";

/** The contract: at most five `download.progress` in any second. */
const progressPerSecond = 5;

/** One event a line on stdout, as it is. Everything but `download.progress` is always written. */
export function createJsonWriter(terminal: Pick<Terminal, "stdout">): Writer {
  const output = createLineOutput(terminal.stdout);
  const mayShow = limitProgress();
  return {
    write(event) {
      if (mayShow(event)) output.line(serialize(event));
    },
    async close() {
      await output.flush();
      output.release();
    },
  };
}

/** `v`, `at` and `type` first, so that a person who reads along sees them in a column. */
function serialize(event: TimedEvent): string {
  const { v, at, type, ...rest } = event;
  return printableJson({ v, at, type, ...rest });
}

function limitProgress(): (event: TimedEvent) => boolean {
  const shownAt: number[] = [];
  return (event) => {
    if (event.type !== "download.progress") return true;
    while (shownAt[0] !== undefined && shownAt[0] <= event.at - 1000) shownAt.shift();
    if (shownAt.length >= progressPerSecond) return false;
    shownAt.push(event.at);
    return true;
  };
}
