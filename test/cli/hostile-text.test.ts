import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { printable } from "../../src/ui/clean-text.ts";
import { openHeros } from "./heros-pty.ts";
import { makeSandbox, type HerosRun, type Sandbox } from "./sandbox.ts";

/** A title for the terminal, a colour in eight bits, and signs that turn the letters after them round. */
const title = "\u001b]0;taken\u0007";
const colour = "\u009b31m";
const turned = "\u202egnp.exe\u202c\u2066\u200f";
const hostile = `a${title}b${colour}c${turned}\u001b[2J\u2028d\ud800`;

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const foreign =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

const started = `{"v":1,"at":0,"type":"run.started","command":"pull","herosVersion":"1","demo":false,"stages":["download"]}`;
let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await makeSandbox();
});

afterEach(() => sandbox[Symbol.asyncDispose]());

function expectClean({ stdout, stderr }: HerosRun): void {
  expect(stdout).not.toMatch(foreign);
  expect(stderr).not.toMatch(foreign);
}

/** A record in which every text of every event is hostile. */
function hostileRecord(): Promise<string> {
  const events = [
    { type: "notice", level: "warning", code: "x", message: hostile, hint: hostile },
    { type: "stage.started", stage: "download" },
    {
      type: "container.failed",
      service: hostile,
      state: "exited",
      exitCode: 1,
      logLines: [hostile],
    },
    {
      type: "download.retrying",
      model: "m",
      repo: hostile,
      path: hostile,
      reason: hostile,
      attempt: 1,
      delayMs: 1000,
    },
    {
      type: "download.progress",
      receivedBytes: 1,
      verifiedBytes: 0,
      totalBytes: 9,
      bytesPerSecond: 1,
      etaSeconds: 8,
      lanes: 1,
      models: [
        {
          id: "m",
          title: hostile,
          tier: 1,
          state: "downloading",
          receivedBytes: 1,
          verifiedBytes: 0,
          totalBytes: 9,
          bytesPerSecond: 1,
          etaSeconds: 8,
        },
      ],
    },
    { type: "run.failed", code: "x", message: hostile, hint: hostile, exitCode: 1, stack: hostile },
  ];
  const lines = events.map((event, at) => JSON.stringify({ v: 1, at, ...event }));
  return sandbox.file("run.jsonl", `${[started, ...lines].join("\n")}\n`);
}

describe("text from outside", () => {
  it.each([
    ["a command", [hostile]],
    ["a flag", ["setup", `--${hostile}`]],
    ["a choice", ["pull", "--output", hostile]],
    ["a name", ["pull", hostile]],
    ["a path", ["status", "--config", `/${hostile}`]],
    ["a record", ["replay", hostile]],
  ])("moves nothing on a terminal where %s is wrong", async (_what, args) => {
    // An argument can't hold a half of a character.
    const typed = args.map((arg) => arg.replace("\ud800", ""));
    const run = await sandbox.run(typed);
    expect(run.exitCode).toBe(2);
    expectClean(run);
    const json = await sandbox.run([...typed, "--json"]);
    expect(json.exitCode).toBe(2);
    expectClean(json);
    expect(json.events().at(-1)).toMatchObject({ type: "run.failed" });
  });

  it.each(["plain", "accessible", "json"])("moves nothing in the writer %s", async (output) => {
    const run = await sandbox.run(["replay", await hostileRecord(), "--output", output, "-v"]);
    expect(run.exitCode).toBe(0);
    expectClean(run);
    if (output === "json") {
      expect(run.events().at(-1)).toMatchObject({ message: hostile });
    }
  });

  it("moves nothing on the live screen", async () => {
    const pty = openHeros(sandbox, ["replay", await hostileRecord(), "--output", "ink", "-v"]);
    expect((await pty.exit).exitCode).toBe(0);
    // Its own sequences apart, which move its own frames.
    expect(pty.output()).not.toContain("\u001b]0;");
    expect(pty.output()).not.toContain("\u009b");
    const text = stripVTControlCharacters(pty.output()).replaceAll(/[\r\n]/g, "");
    expect(text).not.toMatch(foreign);
    pty.close();
  });

  it("stays as it is where it is harmless, whatever its language", () => {
    for (const text of ["naïve café", "模型 · 文件", "नमस्ते", "👩‍💻 🏳️‍🌈", "שלום"]) {
      expect(printable(text, true)).toBe(text);
    }
  });
});

describe("a record with something that no heros writes", () => {
  it.each([
    ["outcome", `{"v":1,"at":1,"type":"stage.finished","stage":"download","outcome":"exploded"}`],
    [
      "status",
      `{"v":1,"at":1,"type":"check.finished","id":"a","title":"A","status":"so so","found":"","elapsedMs":1}`,
    ],
    ["stage", `{"v":1,"at":1,"type":"stage.started","stage":"moon"}`],
    ["state", `{"v":1,"at":1,"type":"container.changed","service":"db","state":"asleep"}`],
    [
      "reason",
      `{"v":1,"at":1,"type":"file.damaged","models":[],"repo":"a","path":"b","file":"c","reason":"mice","expected":"1","found":null}`,
    ],
    ["number", `{"v":1,"at":1,"type":"download.finished","fetchedBytes":"all","elapsedMs":1}`],
    [
      "exit status",
      `{"v":1,"at":1,"type":"run.failed","code":"a","message":"b","hint":"c","exitCode":99}`,
    ],
  ])("is refused by file and line: its %s", async (_what, line) => {
    const file = await sandbox.file("run.jsonl", `${started}\n${line}\n`);
    for (const output of ["plain", "json"]) {
      const run = await sandbox.run(["replay", file, "--output", output]);
      expect(run).toMatchObject({ exitCode: 2 });
      expect(run.stdout + run.stderr).toContain(`${file}, line 2,`);
      expect(run.stdout + run.stderr).not.toContain("at file:");
    }
  });
});
