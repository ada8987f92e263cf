import type { TimedEvent } from "../../run/event.ts";
import { printableJson } from "../../run/json.ts";
import { createLineOutput, type Terminal, type Writer } from "../writer.ts";

/** One event a line on stdout, as it is. */
export function createJsonWriter(terminal: Pick<Terminal, "stdout">): Writer {
  const output = createLineOutput(terminal.stdout);
  return {
    write(event) {
      output.line(serialize(event));
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
