import { Writable } from "node:stream";
import { expect, test } from "vitest";
import type { TimedEvent } from "../../../src/run/event.ts";
import { createJsonWriter } from "../../../src/ui/json/writer.ts";
import type { Terminal } from "../../../src/ui/writer.ts";
import { createMemoryTerminal } from "../../terminal/memory-terminal.ts";

function progress(at: number): TimedEvent {
  return {
    v: 1,
    at,
    type: "download.progress",
    receivedBytes: at,
    verifiedBytes: 0,
    totalBytes: 1,
    bytesPerSecond: 0,
    etaSeconds: null,
    lanes: 1,
    models: [],
  };
}

test("each line begins with v, at and type", async () => {
  const memory = createMemoryTerminal({ isTty: false });
  const writer = createJsonWriter(memory.terminal);
  writer.write({ type: "stage.started", stage: "plan", at: 7, v: 1 });
  await writer.close();
  expect(memory.stdout()).toBe('{"v":1,"at":7,"type":"stage.started","stage":"plan"}\n');
});

test("a reader that has gone ends nothing", async () => {
  const stdout = new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    },
  });
  const writer = createJsonWriter({ stdout: stdout as unknown as Terminal["stdout"] });
  writer.write(progress(0));
  await new Promise((resolve) => setImmediate(resolve));
  writer.write(progress(1000));
  await writer.close();
  expect(stdout.destroyed).toBe(true);
});
