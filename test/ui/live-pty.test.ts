import { afterEach, expect, test } from "vitest";
import { keys, type Pty } from "../terminal/pty.ts";
import { openSource } from "../terminal/source-entry.ts";
import { goodToken } from "./canned-planning.ts";
import { recording } from "./recordings.ts";

const opened: Pty[] = [];

function openLive(
  size: { readonly columns: number; readonly rows: number },
  env: Readonly<Record<string, string>>,
): Pty {
  const pty = openSource({ entry: new URL("./entries/live.ts", import.meta.url), ...size, env });
  opened.push(pty);
  return pty;
}

function count(text: string, wanted: string): number {
  return text.split(wanted).length - 1;
}

afterEach(() => {
  for (const pty of opened.splice(0)) pty.close();
});

test.each([
  { columns: 200, rows: 60 },
  { columns: 80, rows: 24 },
  { columns: 60, rows: 15 },
  { columns: 40, rows: 10 },
])(
  "a run at $columns by $rows leaves its lines once each, and nothing of the live part",
  async (size) => {
    const pty = openLive(size, { RECORDING: "fresh-setup" });
    expect((await pty.exit).exitCode).toBe(0);
    const text = pty.everything();
    expect(pty.cursor().visible).toBe(true);
    expect(count(text, "Setting up Annie")).toBe(0);
    expect(text).not.toMatch(/[░█⠋⠙]/);
    for (const once of ["[✓] Processor", "[✓] GLiNER medium v2.1 is here", "Done in 13 s."]) {
      expect(count(text, once)).toBe(1);
    }
  },
);

test.each([
  { from: { columns: 80, rows: 24 }, to: { columns: 120, rows: 20 } },
  { from: { columns: 60, rows: 15 }, to: { columns: 200, rows: 60 } },
])(
  "a terminal that grows, or loses no row that is drawn on, keeps no ghost: $from to $to",
  async ({ from, to }) => {
    const pauseAt = recording("fresh-setup").findIndex(({ at }) => at > 5_000);
    const pty = openLive(from, { RECORDING: "fresh-setup", PAUSE_AT: String(pauseAt) });
    await pty.waitFor("Whisper large v3");
    await pty.waitFor(/ 5 s/);
    pty.resize(to.columns, to.rows);
    expect((await pty.exit).exitCode).toBe(0);
    expect(count(pty.everything(), "Setting up Annie")).toBe(0);
    expect(count(pty.everything(), "Done in 13 s.")).toBe(1);
    expect(pty.everything()).not.toMatch(/[░█]/);
  },
);

test("Ctrl-C reaches the program in the middle of a download, and the terminal is as before", async () => {
  const pauseAt = recording("fresh-setup").findIndex(({ at }) => at > 5_000);
  const pty = openLive(
    { columns: 80, rows: 24 },
    { RECORDING: "fresh-setup", PAUSE_AT: String(pauseAt) },
  );
  await pty.waitFor(/ 5 s/);
  pty.type(keys.ctrlC);
  expect((await pty.exit).exitCode).toBe(130);
  expect(pty.cursor().visible).toBe(true);
  expect(pty.text()).toContain("Stopped.");
  expect(pty.text()).not.toMatch(/[░█]/);
});

test("the accessible wizard hides a token while it is typed, and draws nothing", async () => {
  const pty = openSource({
    entry: new URL("./entries/wizard.ts", import.meta.url),
    env: { ACCESSIBLE: "1" },
  });
  opened.push(pty);
  await pty.waitFor("Question 1 of 4.");
  pty.type(keys.enter);
  await pty.waitFor("Question 2 of 4.");
  pty.type(`3${keys.enter}`);
  await pty.waitFor("Paste the token and press Enter.");
  pty.type(`x${keys.backspace}${goodToken}${keys.enter}`);
  await pty.waitFor("Question 3 of 4.");
  pty.type(keys.enter);
  await pty.waitFor("Question 4 of 4.");
  pty.type(keys.enter);
  await pty.waitFor("Type yes to begin");
  pty.type(`yes${keys.enter}`);
  expect((await pty.exit).exitCode).toBe(0);
  expect(pty.everything()).toContain('"source":"pasted"');
  expect(pty.output()).not.toMatch(/goodgood|\u001b\[/);
});
