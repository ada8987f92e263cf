import { describe, expect, test } from "vitest";
import type { TimedEvent } from "../../src/run/event.ts";
import { createAccessibleWriter } from "../../src/ui/accessible/writer.ts";
import { createInkWriter } from "../../src/ui/ink/writer.tsx";
import { createJsonWriter } from "../../src/ui/json/writer.ts";
import { createPlainWriter } from "../../src/ui/plain/writer.ts";
import type { Writer } from "../../src/ui/writer.ts";
import { createMemoryTerminal, type MemoryTerminal } from "../terminal/memory-terminal.ts";
import { expectGolden } from "./golden.ts";
import { recording, recordings } from "./recordings.ts";

async function replay(writer: Writer, events: readonly TimedEvent[]): Promise<void> {
  for (const event of events) writer.write(event);
  await writer.close();
}

function lines({ stdout, stderr }: MemoryTerminal): string {
  return stderr() === "" ? stdout() : `${stdout()}--- stderr\n${stderr()}`;
}

describe.each(recordings)("%s", (name) => {
  const events = recording(name);

  test("as plain lines", async () => {
    const memory = createMemoryTerminal({ isTty: false });
    await replay(createPlainWriter(memory.terminal), events);
    expect(memory.stdout()).not.toContain("\u001b");
    expectGolden(`${name}.plain.txt`, lines(memory));
  });

  test("as plain lines, quiet", async () => {
    const memory = createMemoryTerminal({ isTty: false, unicode: false, verbosity: "quiet" });
    await replay(createPlainWriter(memory.terminal), events);
    expect(memory.stdout().split("\n").length).toBeLessThan(15);
    expectGolden(`${name}.plain-quiet.txt`, lines(memory));
  });

  test("as JSON lines, which are the events themselves", async () => {
    const memory = createMemoryTerminal({ isTty: false });
    await replay(createJsonWriter(memory.terminal), events);
    const written = memory.stdout().trim().split("\n");
    expect(written.map((line) => JSON.parse(line) as unknown)).toEqual(events);
  });

  test("as sentences for a screen reader", async () => {
    const memory = createMemoryTerminal();
    await replay(createAccessibleWriter(memory.terminal), events);
    expect(memory.stdout()).not.toContain("\u001b");
    expectGolden(`${name}.accessible.txt`, lines(memory));
  });
});

/** What one screen shows that lines can't: each kind of run once, the small screen in ASCII. */
test.each([
  { name: "fresh-setup", columns: 80, rows: 24, unicode: true },
  { name: "crashing-container", columns: 80, rows: 24, unicode: true },
  { name: "first-boot", columns: 80, rows: 24, unicode: true },
  { name: "first-boot", columns: 40, rows: 12, unicode: false },
  { name: "real-engine", columns: 80, rows: 24, unicode: true },
  { name: "real-engine", columns: 40, rows: 12, unicode: false },
  { name: "pull-images", columns: 80, rows: 24, unicode: true },
  { name: "pull-paused", columns: 80, rows: 24, unicode: true },
  { name: "models-repair", columns: 80, rows: 24, unicode: true },
  { name: "fresh-setup", columns: 40, rows: 12, unicode: false },
  { name: "pull-with-retries", columns: 40, rows: 12, unicode: false },
  { name: "demo-setup", columns: 120, rows: 35, unicode: true },
])("$name on a live screen of $columns by $rows", async ({ name, columns, rows, unicode }) => {
  const events = recording(name);
  const memory = createMemoryTerminal({ columns, rows, unicode });
  let at = 0;
  const writer = await createInkWriter(memory.terminal, { now: () => at, frameMs: 0 });
  const frames: string[] = [];
  for (const [index, event] of events.entries()) {
    at = event.at;
    writer.write(event);
    if (!isFrameTaken(events, index)) continue;
    await writer.drawn();
    await memory.emulator.settled();
    frames.push(`--- after ${event.at} ms, ${event.type}`, memory.emulator.text());
  }
  await writer.close();
  await memory.emulator.settled();
  const { emulator } = memory;
  expect(emulator.cursor().visible).toBe(true);
  frames.push("--- everything at the end", emulator.everything(), "");
  emulator.dispose();
  expectGolden(`${name}.ink-${columns}x${rows}.txt`, frames.join("\n"));
});

/** Four frames on the way, and one of a rest. */
function isFrameTaken(events: readonly TimedEvent[], index: number): boolean {
  if (events[index]?.type === "download.paused") return true;
  return [1, 2, 3, 4].some((part) => index === Math.floor((events.length * part) / 5));
}
