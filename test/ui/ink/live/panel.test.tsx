import { stripVTControlCharacters } from "node:util";
import { cleanup, render } from "ink-testing-library";
import { afterEach, expect, test, vi } from "vitest";
import { App } from "../../../../src/ui/ink/app.tsx";
import { createStore } from "../../../../src/ui/ink/screen-store.ts";
import { createTheme } from "../../../../src/ui/ink/theme.ts";
import { createPauseSwitch } from "../../../../src/run/run-control.ts";
import { noRunKeys, type RunKeys } from "../../../../src/ui/writer.ts";
import { keys as typed } from "../../../terminal/pty.ts";
import { recording } from "../../recordings.ts";

afterEach(cleanup);

const interrupt = vi.fn<() => void>();

/** A run in its fifth second; presses, and waits for what must then be seen. */
function showRun(keys: RunKeys = noRunKeys) {
  interrupt.mockClear();
  const store = createStore({ now: () => 0, frameMs: 0, verbosity: "normal" });
  for (const event of recording("fresh-setup")) if (event.at <= 5_000) store.write(event);
  const theme = createTheme({ color: false, unicode: true });
  const { stdin, lastFrame } = render(
    <App store={store} theme={theme} hasKeys={true} interrupt={interrupt} keys={() => keys} />,
  );
  const text = (): string => stripVTControlCharacters(lastFrame() ?? "");
  const press = async (key: string, seen: string | RegExp): Promise<void> => {
    stdin.write(key);
    await vi.waitFor(() => expect(text()).toMatch(seen), { timeout: 240_000, interval: 10 });
  };
  return { text, press, store };
}

test("l shows every step in words, scrolls to the first, and Esc comes back", async () => {
  const { text, press } = showRun();
  expect(text()).toContain("q: stop   l: log   ?: help");
  await press("l", /scroll \((\d+) of \1\)/);
  expect(text()).toContain("Verified demo/");
  expect(text()).not.toContain("█");
  await press("\u001b[H", "heros 0.1.0: setting up this machine.");
  await press("j", /^(?![^]*heros 0\.1\.0)/);
  await press("\u001b[F", /scroll \((\d+) of \1\)/);
  await press(typed.escape, "█");
});

test("q asks, y interrupts, and any other key goes on", async () => {
  const { press } = showRun();
  await press("q", "Everything downloaded is kept; run heros setup again to continue.");
  await press("n", "█");
  expect(interrupt).not.toHaveBeenCalled();
  await press("q", "Stop here?");
  await press("y", "█");
  expect(interrupt).toHaveBeenCalledOnce();
});

test("? says what the keys do", async () => {
  const { text, press } = showRun();
  await press("?", "fg brings it back");
  expect(text()).toContain("q, Ctrl-C: stop.");
  await press("x", "█");
});

test("p turns the pause, and the screen says so once the download rests", async () => {
  const pause = createPauseSwitch();
  const { text, press, store } = showRun({ ...noRunKeys, pause });
  expect(text()).toContain("p: pause");
  await press("p", "Pausing. Press p to resume.");
  expect(pause.isPaused()).toBe(true);
  store.write({ v: 1, at: 5_000, type: "download.paused" });
  await press("?", "p: pause or resume the download.");
  await press("x", "Paused. Press p to resume.");
  expect(text()).not.toMatch(/B\/s|left/);
  store.write({ v: 1, at: 5_001, type: "container.changed", service: "kokoro", state: "pulling" });
  await press("?", "p: pause or resume");
  await press("x", "(kokoro)");
  await press("p", "p: pause");
  expect(pause.isPaused()).toBe(false);
});

test("b leaves the run at once, where it can be left", async () => {
  const leave = vi.fn<() => void>();
  const { text, press } = showRun({ ...noRunKeys, leave });
  expect(text()).toContain("b: background");
  await press("b", "Moving to the background");
  expect(leave).toHaveBeenCalledOnce();
  cleanup();
  const demo = showRun();
  expect(demo.text()).not.toMatch(/b: |p: /);
});

test("s asks and stops the run in the background, and q looks away without a question", async () => {
  const end = vi.fn<() => void>();
  const { text, press } = showRun({ ...noRunKeys, end });
  expect(text()).toContain("q: detach   s: stop");
  await press("s", "Stop the run in the background?");
  await press("n", "█");
  expect(end).not.toHaveBeenCalled();
  await press("s", "Stop the run in the background?");
  await press("y", "█");
  expect(end).toHaveBeenCalledOnce();
  await press("q", "█");
  expect(interrupt).toHaveBeenCalledOnce();
});

test("the log keeps the newest two hundred sentences", () => {
  const store = createStore({ now: () => 0, frameMs: 0, verbosity: "quiet" });
  for (let at = 0; at < 500; at++) {
    store.write({ v: 1, at, type: "stack.command", command: `docker ${at}` });
  }
  const { log } = store.snapshot();
  expect(log).toHaveLength(200);
  expect(log.at(-1)?.sentence.text).toBe("Running: docker 499");
});

test("a replay says that it is one, and q ends it without a question", async () => {
  const { text, press } = showRun({ ...noRunKeys, replay: true });
  expect(text()).toMatch(/^ *Setting up Annie +REPLAY {2}\d s$/m);
  expect(text()).toContain("q: stop the replay");
  await press("?", "q, Ctrl-C: stop the replay. It is a record: no run is touched.");
  expect(text()).not.toContain("heros setup");
  await press("x", "q: stop the replay");
  expect(interrupt).not.toHaveBeenCalled();
  await press("q", "q: stop the replay");
  await vi.waitFor(() => expect(interrupt).toHaveBeenCalledOnce(), { timeout: 240_000 });
});
