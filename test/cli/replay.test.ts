import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseRecording } from "../../src/record/read-record.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { recording, recordings } from "../ui/recordings.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

const recorded = fileURLToPath(new URL("../ui/fixtures/pull-with-retries.jsonl", import.meta.url));
const first = `{"v":1,"at":0,"type":"run.started","command":"pull","herosVersion":"1","demo":false,"stages":[]}`;
let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await makeSandbox();
});

afterEach(() => sandbox[Symbol.asyncDispose]());

describe("heros replay", () => {
  it("plays the recorded events as they are, at once and ends with 0", async () => {
    const run = await sandbox.run(["replay", recorded, "--json"]);
    expect(run.exitCode).toBe(0);
    expect(run.events()).toEqual(recording("pull-with-retries"));
  });

  it("plays through the other writers too", async () => {
    const golden = new URL("../ui/golden/pull-with-retries.accessible.txt", import.meta.url);
    const run = await sandbox.run(["replay", recorded, "--output", "accessible"]);
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toBe(await readFile(golden, "utf8"));
  });

  it("takes its time where it is asked to", async () => {
    const second = `{"v":1,"at":4000,"type":"notice","level":"info","code":"x","message":"later"}`;
    const file = await sandbox.file("run.jsonl", `${first}\n${second}\n`);
    const startMs = performance.now();
    const run = await sandbox.run(["replay", file, "--speed", "10", "--json"]);
    expect(performance.now() - startMs).toBeGreaterThan(400);
    expect(run.events().at(-1)).toMatchObject({ type: "run.cancelled", at: 4000 });
    expect(run.exitCode).toBe(0);
  });

  it("plays a record whose last line is cut off up to there, and says so", async () => {
    const file = await sandbox.file("killed.jsonl", `${first}\n{"v":1,"at`);
    const run = await sandbox.run(["replay", file]);
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toMatch(/downloading models[^]*incomplete[^]*The record ends here/);
  });

  it.each([
    ["no JSON", `${first}\n{"v":1,"at\n`, "replay.broken", 2],
    ["no JSON, and the only one", `{"v":1,"at`, "replay.broken", 1],
    ["no event", `${first}\n\n[]\n`, "replay.broken", 3],
    [
      "an event without what belongs to it",
      `{"v":1,"at":0,"type":"run.started"}`,
      "replay.broken",
      1,
    ],
    ["a newer version", `${first}\n{"v":2,"at":1,"type":"x"}\n`, "replay.newer", 2],
  ])("refuses a line that is %s, by file and line", async (_what, text, code, line) => {
    const file = await sandbox.file("run.jsonl", text);
    const failure = failureOf(await sandbox.run(["replay", file, "--json"]));
    expect(failure).toMatchObject({ code, exitCode: 2 });
    expect(failure.message).toContain(`${file}, line ${line},`);
  });

  it("refuses a file that is not there or holds nothing", async () => {
    const absent = await sandbox.run(["replay", "nowhere.jsonl"]);
    expect(absent).toMatchObject({ exitCode: 2, stdout: "" });
    expect(absent.stderr).toContain("nowhere.jsonl");
    expect(() => parseRecording("\n", "empty.jsonl")).toThrow(/empty\.jsonl contains no events/);
  });

  it("leaves out events that were added since, within the same version", () => {
    const added = `{"v":1,"at":1,"type":"moon.landed"}`;
    expect(parseRecording(`${first}\n${added}\n`, "run.jsonl")).toHaveLength(1);
  });

  it("knows every event of the recordings", () => {
    for (const name of recordings) {
      const events: readonly TimedEvent[] = recording(name);
      const text = events.map((event) => JSON.stringify(event)).join("\n");
      expect(parseRecording(text, name)).toEqual(events);
    }
  });
});
