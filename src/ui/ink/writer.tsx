import type { Answers } from "../../plan/answers.ts";
import type { Planning } from "../../plan/planning.ts";
import type { Terminal, Writer } from "../writer.ts";
import { createStore } from "./store.ts";
import { createTheme } from "./theme.ts";

export interface InkOptions {
  /** Monotonic milliseconds, for the time and the countdowns between events. */
  readonly now?: () => number;
  /** Between two frames. 0: a frame for each event, without a timer, as recordings want it. */
  readonly frameMs?: number;
}

export interface InkWriter extends Writer {
  readonly ask: (planning: Planning, signal: AbortSignal) => Promise<Answers | null>;
  /** Resolves once everything written so far is on the screen. */
  drawn(): Promise<void>;
}

/** As often as the engine tells its progress: more frames would show nothing new. */
const usualFrameMs = 200;

/**
 * The live screen. Ink and React are loaded here and nowhere earlier: they cost a fifth of a second,
 * and React's production build is chosen by NODE_ENV, which the command line has set by now.
 */
export async function createInkWriter(
  terminal: Terminal,
  options: InkOptions = {},
): Promise<InkWriter> {
  const [{ render }, { App }] = await Promise.all([import("ink"), import("./app.tsx")]);
  const store = createStore({
    now: options.now ?? (() => performance.now()),
    frameMs: options.frameMs ?? usualFrameMs,
    verbosity: terminal.verbosity,
  });
  const hasKeys = terminal.stdin.isTTY;
  const app = (
    <App
      store={store}
      theme={createTheme(terminal)}
      hasKeys={hasKeys}
      interrupt={() => terminal.interrupt()}
    />
  );
  const instance = render(app, {
    stdout: terminal.stdout,
    stdin: terminal.stdin,
    stderr: terminal.stderr,
    exitOnCtrlC: false,
    interactive: true,
    incrementalRendering: true,
    isScreenReaderEnabled: false,
    patchConsole: false,
    maxFps: 30,
  });
  let closed = false;

  return {
    write: (event) => store.write(event),
    ask: (planning, signal) => ask(store, planning, signal),
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
      instance.unmount();
      await instance.waitUntilExit();
    },
  };
}

async function ask(
  store: ReturnType<typeof createStore>,
  planning: Planning,
  signal: AbortSignal,
): Promise<Answers | null> {
  signal.throwIfAborted();
  const ended = new AbortController();
  const onAbort = (): void => ended.abort();
  try {
    return await new Promise<Answers | null>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(toError(signal.reason)), {
        once: true,
        signal: ended.signal,
      });
      store.setWizard({ planning, signal: ended.signal, finish: resolve, fail: reject });
    });
  } finally {
    onAbort();
    store.setWizard(null);
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error
    ? reason
    : new DOMException("The wizard was stopped.", "AbortError");
}
