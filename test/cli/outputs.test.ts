import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Pty } from "../terminal/pty.ts";
import { openHeros } from "./heros-pty.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";

const record = fileURLToPath(new URL("../ui/fixtures/crashing-container.jsonl", import.meta.url));
/** Of colours: what sets one, and what makes bold, dim or inverse. */
// oxlint-disable-next-line no-control-regex -- escape sequences are what is looked for
const look = /\u001b\[(?!0?m)[\d;]+m/;
// oxlint-disable-next-line no-control-regex -- likewise
const escape = /[\u001b\u0007]/;

let sandbox: Sandbox;
let opened: Pty | null = null;

beforeEach(async () => {
  sandbox = await makeSandbox();
});

afterEach(async () => {
  opened?.close();
  opened = null;
  await sandbox[Symbol.asyncDispose]();
});

/** What the program writes in a terminal of these variables while it plays a recorded run. */
async function shown(env: Readonly<Record<string, string>>, flags: readonly string[] = []) {
  opened = openHeros(sandbox, ["replay", record, "--speed", "500", ...flags], { env });
  expect((await opened.exit).exitCode).toBe(0);
  return { output: opened.output(), text: opened.everything() };
}

describe("in a terminal", () => {
  test.each([{}, { COLORTERM: "truecolor" }, { FORCE_COLOR: "1", TERM: "vt100" }])(
    "of %j there are colours, each beside a word or a sign",
    async (env) => {
      const coloured = await shown(env);
      expect(coloured.output).toMatch(look);
      expect(coloured.text).toMatch(/\[✗\] The container/);
    },
  );

  test.each([
    [{ NO_COLOR: "1" }, []],
    [{ NO_COLOR: "1", FORCE_COLOR: "1", COLORTERM: "truecolor" }, []],
    [{ FORCE_COLOR: "0" }, []],
    [{}, ["--no-color"]],
  ])("of %j with %j there is none, and the same words", async (env, flags) => {
    const { output, text } = await shown(env, flags);
    expect(output).not.toMatch(look);
    expect(text).toMatch(/\[✗\] The container/);
  });

  test.each([{ LANG: "C" }, { LANG: "", LC_ALL: "POSIX" }, { TERM: "linux" }])(
    "of %j everything is ASCII",
    async (env) => {
      const { output, text } = await shown(env);
      // oxlint-disable-next-line no-control-regex -- beyond ASCII is what is looked for
      expect(output).not.toMatch(/[^\u0000-\u007f]/);
      expect(text).toContain("[!!] The container");
    },
  );

  test.each([{ TERM: "dumb" }, { ACCESSIBLE: "1" }, { INK_SCREEN_READER: "true" }])(
    "of %j there are lines alone, without one escape byte",
    async (env) => {
      const { output } = await shown({ ...env, FORCE_COLOR: "1" });
      expect(output).not.toMatch(escape);
      expect(output).toMatch(
        env.TERM === "dumb" ? /\[✗\] The container/ : /Problem: The container/,
      );
    },
  );
});

test("into a pipe there are lines alone, whatever is forced", async () => {
  const { stdout, stderr, exitCode } = await sandbox.run(["replay", record], {
    env: { FORCE_COLOR: "3", COLORTERM: "truecolor" },
  });
  expect(exitCode).toBe(0);
  expect(stdout + stderr).not.toMatch(escape);
  expect(stderr).toContain("Error code");
});
