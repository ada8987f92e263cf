import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, test } from "vitest";
import { keys, type Pty } from "../../terminal/pty.ts";
import { openSource } from "../../terminal/source-entry.ts";
import { goodToken } from "../canned-interview.ts";
import { recording } from "../recordings.ts";

const opened: Pty[] = [];

function openLive(
  size: { readonly columns: number; readonly rows: number },
  env: Readonly<Record<string, string>>,
): Pty {
  const pty = openSource({ entry: new URL("../entries/live.ts", import.meta.url), ...size, env });
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
    for (const once of [
      "11 checks passed",
      "[✓] GLiNER medium v2.1: downloaded",
      "Next       heros",
    ]) {
      expect(count(text, once)).toBe(1);
    }
  },
);

test.each([
  { from: { columns: 80, rows: 24 }, to: { columns: 40, rows: 24 } },
  { from: { columns: 80, rows: 24 }, to: { columns: 80, rows: 10 } },
  { from: { columns: 200, rows: 60 }, to: { columns: 60, rows: 15 } },
  { from: { columns: 60, rows: 15 }, to: { columns: 200, rows: 60 } },
])(
  "a resize from $from to $to and back leaves no ghost, and the scrollback as it was",
  async (sizes) => {
    const pauseAt = recording("fresh-setup").findIndex(({ at }) => at > 5_000);
    const env = { RECORDING: "fresh-setup", PAUSE_AT: String(pauseAt) };
    const pty = openLive(sizes.from, env);
    await pty.waitFor(/Annie +5 s/);
    for (const { columns, rows } of [sizes.to, sizes.from]) {
      pty.resize(columns, rows);
      await pty.waitFor((screen) => isDrawnOnce(screen, columns));
      expect(pty.scrollback()).toEqual([]);
    }
    process.kill(pty.pid, "SIGUSR2");
    expect((await pty.exit).exitCode).toBe(0);
    expect(pty.cursor().visible).toBe(true);
    expect(pty.everything()).toBe(await undisturbed(sizes.from));
  },
);

const undisturbedRuns = new Map<number, Promise<string>>();

/** What the same run leaves on a terminal that nobody resizes. */
function undisturbed(size: { readonly columns: number; readonly rows: number }): Promise<string> {
  const run = async (): Promise<string> => {
    const pty = openLive(size, { RECORDING: "fresh-setup" });
    await pty.exit;
    return pty.everything();
  };
  const text = undisturbedRuns.get(size.columns) ?? run();
  undisturbedRuns.set(size.columns, text);
  return text;
}

/** One header, as wide as the screen when it is drawn anew, and one bar over all: a ghost would stay. */
function isDrawnOnce(screen: string, columns: number): boolean {
  const [header, ...ghosts] = headers(screen);
  const rows = screen.match(/^[█▓░]+ +\d+%$/gm) ?? [];
  return header?.length === columns - 1 && ghosts.length === 0 && rows.length === 1;
}

/** The one job of a shell. */
async function childOf(pid: number): Promise<number> {
  return Number(await readFile(`/proc/${pid}/task/${pid}/children`, "utf8"));
}

function headers(screen: string): string[] {
  return screen.split("\n").filter((line) => line.startsWith("Setting up Annie"));
}

test("what was on the terminal before stays there, and the run's lines come after it", async () => {
  const pty = openLive(
    { columns: 80, rows: 24 },
    { RECORDING: "fresh-setup", BEFORE: "$ heros setup" },
  );
  expect((await pty.exit).exitCode).toBe(0);
  expect(pty.everything().split("\n").slice(0, 2)).toEqual([
    "$ heros setup",
    expect.stringContaining("11 checks passed"),
  ]);
});

test("Ctrl-C reaches the program in the middle of a download, and the terminal is as before", async () => {
  const pauseAt = recording("fresh-setup").findIndex(({ at }) => at > 5_000);
  const pty = openLive(
    { columns: 80, rows: 24 },
    { RECORDING: "fresh-setup", PAUSE_AT: String(pauseAt) },
  );
  await pty.waitFor(/Annie +5 s/);
  pty.type(keys.ctrlC);
  expect((await pty.exit).exitCode).toBe(130);
  expect(pty.cursor().visible).toBe(true);
  expect(pty.text()).toContain("Stopped.");
  expect(pty.text()).not.toMatch(/[░█]/);
});

describe("Ctrl-Z", () => {
  const pauseAt = recording("fresh-setup").findIndex(({ at }) => at > 5_000);
  const env = { RECORDING: "fresh-setup", PAUSE_AT: String(pauseAt) };

  test("gives the terminal back to the shell, and fg draws the screen anew", async () => {
    const pty = openSource({
      entry: new URL("../entries/live.ts", import.meta.url),
      env: { ...env, PS1: "shell: " },
      shell: "bash --norc --noprofile -i",
    });
    opened.push(pty);
    await pty.waitFor(/Annie +5 s/);
    pty.type(keys.ctrlZ);
    await pty.waitFor(/Stopped[^]*shell: $/);
    expect(pty.text()).not.toContain("Setting up Annie");
    expect(pty.cursor().visible).toBe(true);
    // The shell echoes and understands what is typed: the terminal is in its usual mode.
    pty.type("echo $((6*7))\r");
    await pty.waitFor(/^42$/m);
    pty.type("fg\r");
    await pty.waitFor(/Setting up Annie +5 s/);
    expect(headers(pty.text())).toHaveLength(1);
    pty.type(keys.ctrlC);
    await pty.waitFor(/Stopped\.\n[^]*shell: $/);
    expect(pty.cursor().visible).toBe(true);
    pty.type("exit\r");
    await pty.exit;
  });

  test("sent by somebody else does the same, and so does CONT", async () => {
    const pty = openSource({
      entry: new URL("../entries/live.ts", import.meta.url),
      env: { ...env, PS1: "shell: " },
      shell: "bash --norc --noprofile -i",
    });
    opened.push(pty);
    await pty.waitFor(/Annie +5 s/);
    const pid = await childOf(pty.pid);
    process.kill(pid, "SIGTSTP");
    await pty.waitFor(/Stopped[^]*shell: $/);
    expect(pty.text()).not.toContain("Setting up Annie");
    expect(pty.cursor().visible).toBe(true);
    pty.type("echo $((6*7))\r");
    await pty.waitFor(/^42$/m);
    pty.type("fg\r");
    await pty.waitFor(/Setting up Annie +5 s/);
    expect(headers(pty.text())).toHaveLength(1);
    // And once more: it is heard as often as it comes.
    process.kill(pid, "SIGTSTP");
    await pty.waitFor(/Stopped[^]*Stopped[^]*shell: $/);
    pty.type("fg\r");
    await pty.waitFor(/Setting up Annie +5 s/);
    pty.type(keys.ctrlC);
    await pty.waitFor(/Stopped\.\n[^]*shell: $/);
    pty.type("exit\r");
    await pty.exit;
  });

  test("where no shell could bring it back the run goes on", async () => {
    const pty = openLive({ columns: 80, rows: 24 }, env);
    await pty.waitFor(/Annie +5 s/);
    pty.type(keys.ctrlZ);
    await pty.waitFor((screen) => screen === "");
    await pty.waitFor(/Setting up Annie +5 s/);
    pty.type(keys.ctrlC);
    expect((await pty.exit).exitCode).toBe(130);
    expect(pty.cursor().visible).toBe(true);
  });
});

describe("the window's title and progress", () => {
  const pauseAt = recording("fresh-setup").findIndex(({ at }) => at > 8_600);
  const features = { FEATURES: "1", RECORDING: "fresh-setup" };
  const size = { columns: 80, rows: 24 };
  const restored = "\u001b]9;4;0;0\u001b\\\u001b]2;\u001b\\\u001b[23;0t";

  test("tell how far a run is, and are as before after it", async () => {
    const pty = openLive(size, features);
    expect((await pty.exit).exitCode).toBe(0);
    const output = pty.output();
    expect(output.startsWith("\u001b[22;0t")).toBe(true);
    expect(output).toContain("\u001b]2;53% Setting up Annie\u001b\\\u001b]9;4;1;53\u001b\\");
    expect(count(output, restored)).toBe(1);
    expect(output.slice(output.indexOf(restored) + restored.length)).not.toMatch(/\]2;|\]9;4/);
    // Her address can be clicked in what stays.
    expect(output.slice(output.indexOf(restored))).toContain(
      "\u001b]8;;http://127.0.0.1:8000\u001b\\http://127.0.0.1:8000\u001b]8;;\u001b\\",
    );
    // A run of a few seconds rings no bell.
    expect(output).not.toContain("\u0007");
  });

  test("are as before after Ctrl-C", async () => {
    const pty = openLive(size, { ...features, PAUSE_AT: String(pauseAt) });
    await pty.waitFor(/Annie +8 s/);
    pty.type(keys.ctrlC);
    expect((await pty.exit).exitCode).toBe(130);
    expect(count(pty.output(), restored)).toBe(1);
  });

  test("are as before after an error that nobody caught", async () => {
    const pty = openLive(size, { ...features, PAUSE_AT: String(pauseAt), CRASH: "1" });
    await pty.exit;
    expect(count(pty.output(), restored)).toBe(1);
  });

  test("are given back at Ctrl-Z, and there again at fg", async () => {
    const pty = openSource({
      entry: new URL("../entries/live.ts", import.meta.url),
      env: { ...features, PAUSE_AT: String(pauseAt), PS1: "shell: " },
      shell: "bash --norc --noprofile -i",
    });
    opened.push(pty);
    await pty.waitFor(/Annie +8 s/);
    pty.type(keys.ctrlZ);
    await pty.waitFor(/Stopped[^]*shell: $/);
    expect(count(pty.output(), restored)).toBe(1);
    pty.type("fg\r");
    await pty.waitFor(/Setting up Annie +8 s/);
    const again = pty.output().slice(pty.output().indexOf(restored));
    expect(again).toContain("\u001b[22;0t");
    pty.type(keys.ctrlC);
    await pty.waitFor(/Stopped\.\n[^]*shell: $/);
    expect(count(pty.output(), restored)).toBe(2);
    pty.type("exit\r");
    await pty.exit;
  });

  test("are left alone where the terminal has neither", async () => {
    const pty = openLive(size, { RECORDING: "fresh-setup" });
    await pty.exit;
    expect(pty.output()).not.toMatch(/\]2;|\]9;|\]8;|\[2[23];0t/);
  });
});

test("the accessible wizard hides a token while it is typed, and draws nothing", async () => {
  const pty = openSource({
    entry: new URL("../entries/wizard.ts", import.meta.url),
    env: { ACCESSIBLE: "1" },
  });
  opened.push(pty);
  await pty.waitFor("Question 1 of 4.");
  pty.type(keys.enter);
  await pty.waitFor("Question 2 of 4.");
  pty.type(`3${keys.enter}`);
  await pty.waitFor("Paste the token and press Enter.");
  pty.type(`x${keys.backspace}${goodToken}${keys.enter}`);
  await pty.waitFor("Question 3 of 5. Save the token");
  pty.type(keys.enter);
  await pty.waitFor("Question 4 of 5.");
  pty.type(keys.enter);
  await pty.waitFor("Question 5 of 5.");
  pty.type(keys.enter);
  await pty.waitFor("Type yes to start");
  pty.type(`yes${keys.enter}`);
  expect((await pty.exit).exitCode).toBe(0);
  // The answers take more than one row.
  expect(pty.everything().replaceAll(/\r?\n/g, "")).toContain('"source":"pasted"');
  expect(pty.output()).not.toMatch(/goodgood|\u001b\[/);
});
