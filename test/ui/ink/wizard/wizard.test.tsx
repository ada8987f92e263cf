import { stripVTControlCharacters } from "node:util";
import { cleanup, render } from "ink-testing-library";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Interview } from "../../../../src/plan/interview.ts";
import type { Answers } from "../../../../src/plan/questions.ts";
import { initialState } from "../../../../src/run/state/state.ts";
import { App } from "../../../../src/ui/ink/app.tsx";
import { createStore, type Store } from "../../../../src/ui/ink/screen-store.ts";
import { createTheme } from "../../../../src/ui/ink/theme.ts";
import { Wizard } from "../../../../src/ui/ink/wizard/wizard.tsx";
import { keys } from "../../../terminal/pty.ts";
import { cannedInterview } from "../../canned-interview.ts";
import { recording } from "../../recordings.ts";

const theme = createTheme({ color: false, unicode: true });

afterEach(cleanup);

/** A component with somebody who looks and types. */
interface Shown {
  text(): string;
  /** Presses, and waits for what must then be seen. */
  press(key: string, seen: string | RegExp): Promise<void>;
}

function look(instance: ReturnType<typeof render>): Shown {
  // The editor's cursor is the one thing that is inverse where there are no colours.
  const text = (): string => stripVTControlCharacters(instance.lastFrame() ?? "");
  return {
    text,
    async press(key, seen) {
      instance.stdin.write(key);
      await vi.waitFor(() => expect(text()).toMatch(seen), { timeout: 240_000, interval: 10 });
    },
  };
}

function showWizard(
  rest: Partial<Interview> = {},
): Shown & { readonly outcome: Promise<Answers | null> } {
  const outcome = Promise.withResolvers<Answers | null>();
  const instance = render(
    <Wizard
      request={{
        kind: "questions",
        interview: cannedInterview(rest),
        signal: new AbortController().signal,
        finish: outcome.resolve,
        fail: outcome.reject,
      }}
      snapshot={{ state: initialState, scrolled: [], log: [], elapsedMs: 0, tick: 0, wizard: null }}
      size={{ columns: 90, rows: 30 }}
      theme={theme}
    />,
  );
  return { ...look(instance), outcome: outcome.promise };
}

function showRun(until: number): { readonly shown: Shown; readonly store: Store } {
  const store = createStore({ now: () => 0, frameMs: 0, verbosity: "normal" });
  for (const event of recording("fresh-setup")) if (event.at <= until) store.write(event);
  const instance = render(
    <App store={store} theme={theme} hasKeys={true} interrupt={() => undefined} />,
  );
  return { shown: look(instance), store };
}

describe("a question", () => {
  test("shows what can be chosen, what it costs, and its keys", () => {
    const { text } = showWizard();
    expect(text()).toContain("What should Annie be able to do?");
    expect(text()).toMatch(/› \[✓\] Remember .* 2\.00 GB +1\.6 GiB +required/);
    expect(text()).toMatch(/ \[ \] Think deeper .* 15\.2 GB +14\.1 GiB/);
    expect(text()).toMatch(/4\.31 GB .*39 s · .*10\.4 of 121\.6 GiB memory · 3\.12 TB free/);
    expect(text()).toContain("Space: toggle");
  });

  test("takes a folder that is typed, corrected in its middle, and refused first", async () => {
    const { press, text } = showWizard({ decided: new Set(["groups", "token", "startup"]) });
    await press("3", /› 3\. Another folder/);
    // Without the underscore that stands for the cursor until the editor is loaded.
    await press(keys.enter, /Folder: *$/m);
    for (const letter of "data/mdels") await press(letter, letter);
    await press(keys.enter, /\[!\] "data\/mdels"/);
    for (let step = 0; step < 4; step++) await press(keys.left, "Folder:");
    await press("o", "Folder: data/models");
    for (let step = 0; step < 7; step++) await press(keys.left, "Folder:");
    await press("/", "Folder: /data/models");
    await press(keys.enter, /Model folder +\/data\/models/);
    expect(text()).toContain("Set up Annie like this?");
  });

  test("clears a typed folder with Ctrl-U, and leaves the field with Esc", async () => {
    const { press, text } = showWizard({ decided: new Set(["groups", "token", "startup"]) });
    await press("3", /› 3\. Another folder/);
    // Without the underscore that stands for the cursor until the editor is loaded.
    await press(keys.enter, /Folder: *$/m);
    await press("/dat", "Folder: /dat");
    await press("\u0015", /Folder: *$/m);
    await press("/x", /Folder: \/x *$/m);
    await press(keys.escape, "Enter: next   ?: help");
    expect(text()).not.toContain("Folder:");
  });
});

test("Quit setup? is answered with y alone: n, Enter and Esc go on", async () => {
  const { press, outcome } = showWizard();
  for (const key of ["n", keys.enter, keys.escape]) {
    await press("q", "Quit setup?");
    await press("", "y/N");
    await press(key, "What should Annie be able to do?");
  }
  await press("q", "Quit setup?");
  await press("y", "Quit setup?");
  expect(await outcome).toBeNull();
});

test("an interrupted wizard goes to the plan with one key, once", async () => {
  const { press, text } = showWizard({ earlier: "interrupted" });
  expect(text()).toContain("Continue where you left off?");
  await press(keys.enter, "Set up Annie like this?");
  await press(keys.escape, "When should Annie start?");
});

test("a page that waits for the Hub has a spinner that turns", async () => {
  const { press, text } = showWizard({
    decided: new Set(["groups", "token", "startup", "storage"]),
    preview: () => new Promise(() => undefined),
  });
  const frames = new Set<string>();
  await vi.waitFor(
    () => {
      frames.add(text());
      expect(frames.size).toBeGreaterThan(3);
    },
    { timeout: 240_000, interval: 10 },
  );
  expect(text()).toMatch(/^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] Preparing the plan/m);
  await press(keys.escape, "Quit setup?");
});

test("the summary shows what is downloaded and which lines of which files change", async () => {
  const { press, text, outcome } = showWizard({
    decided: new Set(["groups", "token", "startup", "storage"]),
  });
  await press("", "Set up Annie like this?");
  expect(text()).toMatch(
    /Models +Remember +Qwen3 Embedding 0\.6B +1\.22 GB\n +GLiNER .* 784 MB +cached/,
  );
  expect(text()).toMatch(/\n +Listen +Whisper large v3 +3\.09 GB/);
  expect(text()).toMatch(
    /Download +4\.31 GB, about 39 s \(784 MB cached\), plus any missing container/,
  );
  expect(text()).toMatch(/Needs +10\.4 of 121\.6 GiB memory · 3\.12 TB free/);
  expect(text()).toMatch(/Files +\+14 docker-compose\.heros\.yml  \+2 -1 \.env/);
  expect(text()).toContain("› Yes, start");
  await press("d", /Create: .*docker-compose\.heros\.yml/);
  expect(text()).toContain("  +# Written by heros.");
  await press("d", "Set up Annie like this?");
  await press(keys.enter, "");
  expect((await outcome)?.groups).toEqual(["remember", "listen"]);
});

test("a run shows a row a model, and a bar for all", () => {
  const { shown, store } = showRun(5_000);
  expect(shown.text()).toMatch(/Whisper large v3 /);
  expect(shown.text()).toMatch(/^█*▓*░+ +\d+%$/m);
  store.stop();
});

test("a run ends on a page that says what works, where, and what to know next", () => {
  const { shown } = showRun(Number.POSITIVE_INFINITY);
  expect(shown.text()).toMatch(/\[✓\] Annie is online {2,}6 s\n +http:/);
  expect(shown.text()).toContain("heros doctor");
  expect(shown.text()).not.toContain("█");
});
