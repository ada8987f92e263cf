import { describe, expect, test } from "vitest";
import type { TimedEvent } from "../../src/run/event.ts";
import { bytesOfAll, bytesOfImage } from "../../src/run/state/images-state.ts";
import { initialState, reduce } from "../../src/run/state/state.ts";
import { createAccessibleWriter } from "../../src/ui/accessible/writer.ts";
import { createInkWriter } from "../../src/ui/ink/writer.tsx";
import { createPlainWriter } from "../../src/ui/plain/writer.ts";
import type { Writer } from "../../src/ui/writer.ts";
import { percentOf } from "../../src/ui/messages/download.ts";
import { spokenFact } from "../../src/ui/messages/sentence.ts";
import { createMemoryTerminal } from "../terminal/memory-terminal.ts";
import { recording, recordings } from "./recordings.ts";

async function replay(writer: Writer, events: readonly TimedEvent[]): Promise<void> {
  for (const event of events) writer.write(event);
  await writer.close();
}

/** What lines say, without signs, the words that stand for signs, and the dot at the end. */
function sayings(text: string): string[] {
  return (
    text
      .split("\n")
      // A screen has how long it took beside the words, lines in brackets.
      .map((line) => line.replace(/^(\S.* online) {2,}(\S.*)$/, "$1 ($2)"))
      .map((line) => line.trim().replace(/^(\[.{1,2}\]|Warning:|Problem:) /u, ""))
      .map((line) => spokenFact(line.replace(/\.$/, "")))
      .filter((line) => line !== "" && !isProgress(line))
  );
}

/** How far it is at a moment, which each writer tells at moments of its own. */
function isProgress(line: string): boolean {
  return /^(Models|Models and images|Verified): [\d.]+ .?B of|^\d+ percent of the models/.test(
    line,
  );
}

describe.each(recordings)("%s", (name) => {
  const events = recording(name);

  test("says the same in lines and to a screen reader, in the same order", async () => {
    const plain = createMemoryTerminal({ isTty: false });
    await replay(createPlainWriter({ ...plain.terminal, stderr: plain.terminal.stdout }), events);
    const accessible = createMemoryTerminal();
    await replay(createAccessibleWriter(accessible.terminal), events);
    expect(sayings(accessible.stdout())).toEqual(sayings(plain.stdout()));
  });

  test("leaves nothing on the screen that the lines do not say, and ends on the same page", async () => {
    const plain = createMemoryTerminal({ isTty: false });
    await replay(createPlainWriter({ ...plain.terminal, stderr: plain.terminal.stdout }), events);
    const screen = createMemoryTerminal({ columns: 400, rows: 60 });
    await replay(await createInkWriter(screen.terminal, { now: () => 0, frameMs: 0 }), events);
    await screen.emulator.settled();
    const left = sayings(screen.emulator.everything());
    screen.emulator.dispose();
    const lines = sayings(plain.stdout());
    expect(left.length).toBeGreaterThan(1);
    expect(left.filter((line) => !lines.includes(line) && line !== "DEMO")).toEqual([]);
    const isEnd = (line: string) => /^(Done in|Stopped|Annie is online \()|^Error code/.test(line);
    const end = lines.findIndex(isEnd);
    expect(left.slice(left.findIndex(isEnd))).toEqual(lines.slice(end));
  });

  test("moves no bar backwards, and fills none before what it shows is ready", () => {
    let state = initialState;
    const most = new Map<string, number>();
    const look = (what: string, part: number, whole: number, isReady: boolean): void => {
      const percent = whole === 0 ? 0 : percentOf(part, whole);
      expect(percent, `${what} at ${state.elapsedMs} ms`).toBeGreaterThanOrEqual(
        most.get(what) ?? 0,
      );
      most.set(what, percent);
      if (!isReady) expect(percent, `${what} at ${state.elapsedMs} ms`).toBeLessThan(100);
    };
    for (const event of events) {
      state = reduce(state, event);
      // A repair downloads anew what it found damaged.
      if (event.type === "verify.finished") most.clear();
      for (const image of state.images) {
        const { receivedBytes, verifiedBytes, totalBytes } = bytesOfImage(image);
        const isReady = image.phase === "ready";
        look(image.image, receivedBytes, totalBytes, isReady);
        look(`what is unpacked of ${image.image}`, verifiedBytes, totalBytes, isReady);
      }
      for (const { id, verifiedBytes, totalBytes, state: now } of state.download.models) {
        const isReady = now === "ready" || state.download.planned === null;
        look(`what is verified of ${id}`, verifiedBytes, totalBytes, isReady);
      }
      const { receivedBytes, totalBytes } = bytesOfAll(state);
      const images = state.images.every(({ phase }) => phase === "ready");
      // The sum is known once all are planned.
      if (state.download.progressAt === null) most.delete("all");
      look("all", receivedBytes, totalBytes, images);
    }
  });

  test("tells no file as here twice, and no end but one", () => {
    const ready = events.flatMap((event) => (event.type === "model.ready" ? [event.id] : []));
    expect(new Set(ready).size).toBe(ready.length);
    expect(events.filter(({ type }) => /^run\.(?!started)/.test(type))).toHaveLength(1);
  });
});
