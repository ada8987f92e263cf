import { expect, test } from "vitest";
import { initialState, reduce, type RunState } from "../../../src/run/state/state.ts";
import { runSentence, stopText } from "../../../src/ui/messages/run.ts";
import { recording } from "../recordings.ts";

const events = recording("fresh-setup");
const onlineAt = events.findIndex(({ type }) => type === "annie.online");
const after = (count: number): RunState => events.slice(0, count).reduce(reduce, initialState);
const kept = "Everything downloaded is kept; run heros setup again to continue.";

test("a setup that is stopped once Annie is online says that it keeps running", () => {
  expect(stopText(after(onlineAt))).toBe(kept);
  expect(stopText(after(onlineAt + 1))).toBe(`What is online keeps running. ${kept}`);
  const hint = "Run heros setup again to continue.";
  const stopped = { v: 1, at: 9e6, type: "run.cancelled", exitCode: 130, hint } as const;
  expect(runSentence(stopped, after(onlineAt))?.more).toEqual([hint]);
  expect(runSentence(stopped, after(onlineAt + 1))?.more).toEqual([
    "What is online keeps running.",
    hint,
  ]);
});
