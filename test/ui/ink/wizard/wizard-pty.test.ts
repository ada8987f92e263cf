import { afterEach, describe, expect, test } from "vitest";
import { keys, type Pty } from "../../../terminal/pty.ts";
import { openSource } from "../../../terminal/source-entry.ts";
import { goodToken } from "../../canned-interview.ts";

const entry = new URL("../../entries/wizard.ts", import.meta.url);
const opened: Pty[] = [];

function openWizard(
  size: { readonly columns: number; readonly rows: number },
  env: Readonly<Record<string, string>> = {},
): Pty {
  const pty = openSource({ entry, ...size, env });
  opened.push(pty);
  return pty;
}

const keyRow =
  /Esc:? close|\?:? help|Esc:? back|y(?: or q)?:? quit|y:? start|Esc cancels|Preparing the plan/;

/** Presses, and waits for what must then be on the screen: one page, its keys, and nothing left of the one before. */
async function press(pty: Pty, key: string, seen: string | RegExp): Promise<void> {
  pty.type(key);
  await pty.waitFor((screen) => {
    const rows = screen.split("\n");
    const headers = rows.filter((row) => /^Setting up Annie|› Review/.test(row));
    const foots = rows.filter((row) => keyRow.test(row));
    const isThere = typeof seen === "string" ? screen.includes(seen) : seen.test(screen);
    return isThere && headers.length === 1 && foots.length === 1;
  });
}

async function expectLeftAsFound(pty: Pty, exitCode: number): Promise<void> {
  expect((await pty.exit).exitCode).toBe(exitCode);
  expect(pty.cursor().visible).toBe(true);
  expect(pty.bracketedPaste()).toBe(false);
}

afterEach(() => {
  for (const pty of opened.splice(0)) pty.close();
});

describe.each([
  { columns: 200, rows: 60 },
  { columns: 80, rows: 24 },
  { columns: 60, rows: 15 },
  { columns: 40, rows: 12 },
  { columns: 40, rows: 10 },
])("the wizard at $columns by $rows", (size) => {
  test("is walked forwards, back and to yes, and leaves the terminal as it was", async () => {
    const pty = openWizard(size, { DEMO: "1" });
    await pty.waitFor("What should Annie be able to do?");
    expect(pty.text()).toContain("DEMO");
    await press(pty, keys.down + keys.down + keys.space, /19\.5 GB/);
    await press(pty, keys.enter, "Use a Hugging Face token?");
    await press(pty, keys.enter, "Where should models be stored?");
    await press(pty, keys.escape, "Use a Hugging Face token?");
    await press(pty, keys.escape, /\[✓\] Think deeper/);
    await press(pty, "3", /4\.31 GB/);
    await press(pty, keys.enter, "Use a Hugging Face token?");
    await press(pty, keys.enter, "Where should models be stored?");
    await press(pty, keys.enter, "When should Annie start?");
    await press(pty, "j", /› 2\. After all downloads finish/);
    await press(pty, keys.enter, "Set up Annie like this?");
    await pty.waitFor("Yes, start");
    expect(pty.scrollback()).toEqual([]);
    expect(pty.text()).toContain("DEMO");
    pty.type("y");
    await expectLeftAsFound(pty, 0);
    expect(pty.everything().replaceAll("\n", "")).toContain(
      '"groups":["remember","listen"],"token":{"source":"none"},"keepToken":true,"storage":"hub-cache","startup":"wait"',
    );
  });

  test("takes a pasted token, says a refusal in place, and never shows either", async () => {
    const pty = openWizard(size);
    await pty.waitFor("What should Annie be able to do?");
    await press(pty, keys.enter, "Use a Hugging Face token?");
    await press(pty, `3${keys.enter}`, "it stays hidden");
    pty.paste("hf_wrongwrongwrong");
    await pty.waitFor("hf_…, 18 characters");
    await press(pty, keys.enter, "The Hub does not know this");
    pty.paste(goodToken);
    await pty.waitFor("hf_…, 15 characters");
    await press(pty, keys.enter, "Save the token for next time?");
    await press(pty, `2${keys.enter}`, "Where should models be stored?");
    await press(pty, keys.enter, "When should Annie start?");
    await press(pty, keys.enter, "Yes, start");
    pty.type("y");
    await expectLeftAsFound(pty, 0);
    expect(pty.everything().replaceAll("\n", "")).toContain('"source":"pasted"');
    expect(pty.everything().replaceAll("\n", "")).toContain('"keepToken":false');
    expect(pty.output()).not.toMatch(/goodgood|wrongwrong/);
  });
});

describe.each([
  { columns: 80, rows: 24 },
  { columns: 40, rows: 12 },
])("stopping at $columns by $rows", (size) => {
  test("q asks, and then stops with nothing chosen", async () => {
    const pty = openWizard(size);
    await pty.waitFor("What should Annie be able to do?");
    await press(pty, "q", "Quit setup?");
    await press(pty, "x", "What should Annie be able to do?");
    await press(pty, "q", "Quit setup?");
    pty.type("y");
    await expectLeftAsFound(pty, 0);
    expect(pty.text()).toContain("stopped");
  });

  test("Ctrl-C interrupts at once", async () => {
    const pty = openWizard(size);
    await pty.waitFor("What should Annie be able to do?");
    await press(pty, keys.enter, "Use a Hugging Face token?");
    pty.type(keys.ctrlC);
    await expectLeftAsFound(pty, 130);
    expect(pty.text()).toContain("AbortError");
  });
});

test("the diff is coloured, scrolls to its end, and stays in the screen", async () => {
  const pty = openWizard({ columns: 80, rows: 24 });
  await pty.waitFor("What should Annie be able to do?");
  await press(pty, keys.enter, "Use a Hugging Face token?");
  await press(pty, keys.enter, "Where should models be stored?");
  await press(pty, keys.enter, "When should Annie start?");
  await press(pty, keys.enter, "Set up Annie like this?");
  await press(pty, "d", "+# Written by heros.");
  await press(pty, "\u001b[6~\u001b[6~", "+HER_OS_PORT=8000");
  const row = pty.screen().findIndex((line) => line.includes("-COMPOSE_FILE"));
  // Red is the second colour of every terminal, green the third.
  expect(pty.cells()[row]?.[2]?.foreground).toEqual({ kind: "palette", index: 1 });
  const added = pty.screen().findIndex((line) => line.includes("+HER_OS_PORT"));
  expect(pty.cells()[added]?.[2]?.foreground).toEqual({ kind: "palette", index: 2 });
  expect(pty.scrollback()).toEqual([]);
  await press(pty, "d", "Set up Annie like this?");
  pty.type("y");
  await expectLeftAsFound(pty, 0);
});

test("NO_COLOR leaves no colour, and ASCII no other sign", async () => {
  const pty = openWizard({ columns: 80, rows: 24 }, { NO_COLOR: "1", ASCII: "1" });
  await pty.waitFor("What should Annie be able to do?");
  expect(pty.text()).toContain("> [x] Remember");
  await press(pty, "q", "Quit setup?");
  pty.type("y");
  await expectLeftAsFound(pty, 0);
  // oxlint-disable-next-line no-control-regex -- escape sequences are what is looked for
  expect(pty.output()).not.toMatch(/\u001b\[[\d;]*m/);
  // oxlint-disable-next-line no-control-regex -- so is everything beyond ASCII
  expect(pty.output()).not.toMatch(/[^\u0000-\u007f]/);
});

test("a terminal that is resized in the middle shows the whole page anew", async () => {
  const pty = openWizard({ columns: 80, rows: 24 });
  await pty.waitFor("What should Annie be able to do?");
  pty.resize(40, 12);
  await pty.waitFor(
    (screen) => screen.includes("Space pick  Enter next") && screen.includes("[✓] Remember"),
  );
  pty.resize(100, 30);
  await pty.waitFor("Nightly re-index of memory      15.2 GB");
  expect(pty.text().match(/What should Annie/g)?.length).toBe(1);
  await press(pty, "q", "Quit setup?");
  pty.type("y");
  await expectLeftAsFound(pty, 0);
});
