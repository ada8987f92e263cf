import type { FailedChecks, Interview, Remediation } from "../../plan/interview.ts";
import type { Answers } from "../../plan/questions.ts";
import type { RunState } from "../../run/state/state.ts";
import type { BackgroundChoice, BackgroundProcess } from "../../run/run-control.ts";
import { noFeatures, noRunKeys, type Terminal, type Writer } from "../writer.ts";
import { formatTime } from "../../run/units.ts";
import { recheckText } from "../messages/machine.ts";
import { frameColumns } from "./line.ts";
import { scrolledRows } from "./log-rows.ts";
import { createStore, type DialogRequest, type Store } from "./screen-store.ts";
import { createTheme } from "./theme.ts";
import { createWindow, ownScreen } from "./window.ts";

export interface InkOptions {
  /** Monotonic milliseconds, for the time and the countdowns between events. */
  readonly now?: () => number;
  /** The time of day. */
  readonly clock?: () => Date;
  /** Between two frames. 0: a frame for each event, without a timer, as recordings want it. */
  readonly frameMs?: number;
}

export interface InkWriter extends Writer {
  readonly ask: (interview: Interview, signal: AbortSignal) => Promise<Answers | null>;
  readonly remedy: (failed: FailedChecks, signal: AbortSignal) => Promise<Remediation>;
  readonly meet: (run: BackgroundProcess, signal: AbortSignal) => Promise<BackgroundChoice>;
  /** Resolves once everything written so far is on the screen. */
  drawn(): Promise<void>;
}

/** As often as the engine tells its progress: more frames would show nothing new. */
const usualFrameMs = 250;

/**
 * The live screen. Ink and React are loaded here and nowhere earlier: they take longer than all that is loaded before.
 * The build chooses React's production build.
 */
export async function createInkWriter(
  terminal: Terminal,
  options: InkOptions = {},
): Promise<InkWriter> {
  const [{ render, renderToString }, { App }, { Lines }] = await Promise.all([
    import("ink"),
    import("./app.tsx"),
    import("./frame.tsx"),
  ]);
  const store = createStore({
    now: options.now ?? (() => performance.now()),
    frameMs: options.frameMs ?? usualFrameMs,
    verbosity: terminal.verbosity,
  });
  const hasKeys = terminal.stdin.isTTY;
  const theme = createTheme(terminal);
  const window = createWindow(terminal.features ?? noFeatures);
  const app = (
    <App
      store={store}
      theme={theme}
      hasKeys={hasKeys}
      interrupt={() => terminal.interrupt()}
      suspend={terminal.suspend ?? null}
      onSuspendAsked={terminal.onSuspendAsked ?? null}
      keys={() => terminal.keys?.() ?? noRunKeys}
      window={window}
    />
  );
  terminal.stdout.write(window.enter());
  const unsubscribe = store.subscribe(() => {
    const changed = window.show(store.snapshot());
    if (changed !== "") terminal.stdout.write(changed);
  });
  const instance = render(app, {
    stdout: terminal.stdout,
    stdin: terminal.stdin,
    stderr: terminal.stderr,
    exitOnCtrlC: false,
    interactive: true,
    incrementalRendering: true,
    isScreenReaderEnabled: false,
    patchConsole: false,
    // The store tells of four changes a second; only a key is answered sooner.
    maxFps: 60,
  });
  const clock = options.clock ?? (() => new Date());
  let before: FailedChecks | null = null;
  let closed = false;
  // Before Ink's own listener: it draws only what differs from a frame that may not be there any more.
  const onResize = (): void => {
    instance.clear();
    terminal.stdout.write(ownScreen.wipe);
  };
  terminal.stdout.prependListener("resize", onResize);

  /** What was finished stays on the usual screen and in its scrollback. */
  function leaveLines(): void {
    const columns = frameColumns({ columns: terminal.stdout.columns, rows: 0 });
    const lines = store.snapshot().scrolled.flatMap((line) => scrolledRows(line, columns, theme));
    if (lines.length === 0) return;
    const text = renderToString(<Lines lines={lines} theme={theme} />, { columns: columns + 1 });
    terminal.stdout.write(`${text}\n`);
  }

  return {
    write: (event) => store.write(event),
    ask: (interview, signal) =>
      untilAnswered(store, signal, (finish, fail, ended) => ({
        kind: "questions",
        interview,
        signal: ended,
        finish,
        fail,
      })),
    remedy(failed, signal) {
      const at = formatTime(clock());
      const since = before === null ? null : recheckText({ before, now: failed }, at);
      before = failed;
      return untilAnswered(store, signal, (finish) => ({ kind: "remedy", failed, since, finish }));
    },
    meet: (run, signal) =>
      untilAnswered(store, signal, (finish) => ({ kind: "meet", run, finish })),
    choose: (choice, signal) =>
      untilAnswered(store, signal, (finish) => ({ kind: "choose", choice, finish })),
    async drawn() {
      store.publish();
      await instance.waitUntilRenderFlush();
    },
    async close() {
      if (closed) return;
      closed = true;
      store.stop();
      store.publish();
      await instance.waitUntilRenderFlush();
      unsubscribe();
      instance.unmount();
      await instance.waitUntilExit();
      terminal.stdout.off("resize", onResize);
      leaveLines();
      if (terminal.features?.title === true && isWorthABell(store.snapshot().state)) {
        terminal.stdout.write("\u0007");
      }
      await flushed(terminal.stdout);
    },
  };
}

const longRunMs = 60_000;

/** Whoever waited longer than a minute looks elsewhere by now; who stopped the run, or left it, is there. */
function isWorthABell({ closing, elapsedMs, countedFromMs }: RunState): boolean {
  if (closing === null || closing.type === "run.cancelled") return false;
  const left = closing.type === "run.succeeded" && closing.background !== undefined;
  return !left && elapsedMs - countedFromMs > longRunMs;
}

/** Resolves once the stream has handed on what it holds; whoever read it may have gone. */
function flushed(stream: Terminal["stdout"]): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writable) stream.write("", () => resolve());
    else resolve();
  });
}

/** Puts a page before the live screen until it is answered. */
async function untilAnswered<Answer>(
  store: Store,
  signal: AbortSignal,
  request: (
    finish: (answer: Answer) => void,
    fail: (error: unknown) => void,
    ended: AbortSignal,
  ) => DialogRequest,
): Promise<Answer> {
  signal.throwIfAborted();
  const ended = new AbortController();
  try {
    return await new Promise<Answer>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(toError(signal.reason)), {
        once: true,
        signal: ended.signal,
      });
      store.setWizard(request(resolve, reject, ended.signal));
    });
  } finally {
    ended.abort();
    store.setWizard(null);
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error
    ? reason
    : new DOMException("The wizard was stopped.", "AbortError");
}
