import { useApp, useInput, useStdout, useWindowSize } from "ink";
import {
  type ReactNode,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { noFeatures, noRunKeys, type RunKeys, type Terminal } from "../writer.ts";
import { Dialogs } from "./dialogs.tsx";
import { Frame } from "./frame.tsx";
import { type Press, readKeys } from "./keys.ts";
import { frameColumns, frameRows, type Line, screenRows } from "./line.ts";
import { keysNow, noPanel, panelPage, pressedLive, withinLog } from "./live/panel.ts";
import { liveScreen } from "./live/screen.ts";
import { newestRows } from "./log-rows.ts";
import type { Store } from "./screen-store.ts";
import type { Theme } from "./theme.ts";
import { createWindow, type Window } from "./window.ts";

const usualWindow = createWindow(noFeatures);

/** A page of the wizard gets at least so many rows, so that it stays in its place from question to question. */
const pageRows = 20;

/** The root: the newest finished lines above, one live screen below. It draws what the store says and does no work. */
export function App({
  store,
  theme,
  hasKeys,
  interrupt,
  suspend = null,
  onSuspendAsked = null,
  keys = () => noRunKeys,
  window = usualWindow,
}: {
  readonly store: Store;
  readonly theme: Theme;
  /** False where stdin is no terminal: then no key is listened for. */
  readonly hasKeys: boolean;
  interrupt(): void;
  readonly suspend?: NonNullable<Terminal["suspend"]> | null;
  readonly onSuspendAsked?: NonNullable<Terminal["onSuspendAsked"]> | null;
  readonly keys?: () => RunKeys;
  readonly window?: Window;
}): ReactNode {
  const snapshot = useSyncExternalStore(store.subscribe, store.snapshot);
  const size = useWindowSize();
  const { wizard } = snapshot;
  useWindow(window);
  const stop = useSuspend(suspend, window);
  useEffect(() => onSuspendAsked?.(() => stop("program")), [onSuspendAsked, stop]);
  const [panel, setPanel] = useState(noPanel);
  const now = keysNow(keys(), snapshot.state);
  const view = { ...snapshot, size, theme, keys: now };
  useInput(
    (input, key) => {
      let next = panel;
      for (const press of readKeys(input, key).flatMap(letters)) {
        if (press.kind === "interrupt") interrupt();
        if (press.kind === "suspend") stop("group");
        if (wizard !== null) continue;
        const pressed = pressedLive(next, press, now);
        if (pressed.act === "stop") interrupt();
        if (pressed.act === "pause") now.pause?.toggle();
        if (pressed.act === "leave") now.leave?.();
        if (pressed.act === "end") now.end?.();
        next = withinLog(pressed.panel, view, snapshot.log);
      }
      setPanel(next);
    },
    { isActive: hasKeys },
  );
  const isRunning = snapshot.state.run !== null && snapshot.state.closing === null;
  const panelLines = isRunning && wizard === null ? panelPage(view, panel, snapshot.log) : null;
  const above = (lines: readonly Line[], leastRows = 0): readonly Line[] => {
    const room = screenRows(size) - Math.max(lines.length, Math.min(leastRows, frameRows(size)));
    const rows = newestRows(snapshot.scrolled, room, {
      columns: frameColumns(size),
      theme,
      unfolds: wizard !== null,
    });
    return [...rows, ...lines];
  };
  return wizard === null ? (
    <Frame lines={panelLines ?? above(liveScreen(view))} size={size} theme={theme} />
  ) : (
    <Dialogs
      request={wizard}
      snapshot={snapshot}
      size={size}
      theme={theme}
      compose={(lines) => above(lines, pageRows)}
    />
  );
}

/** Keys that are typed fast come as one text; here each is a word of its own. */
function letters(press: Press): Press[] {
  return press.kind === "text"
    ? Array.from(press.text, (text) => ({ kind: "text", text }))
    : [press];
}

/** However the program ends, the usual screen is there again. */
function useWindow(window: Window): void {
  const { stdout } = useStdout();
  useLayoutEffect(() => () => void stdout.write(window.leave()), [stdout, window]);
}

/** Hands the terminal back as it was found, stops, and draws the screen again when the program continues. */
function useSuspend(
  suspend: NonNullable<Terminal["suspend"]> | null,
  window: Window,
): (whom: "group" | "program") => void {
  const { suspendTerminal } = useApp();
  const { stdout } = useStdout();
  const stopped = useRef(false);
  return useCallback(
    (whom) => {
      if (suspend === null || stopped.current) return;
      stopped.current = true;
      const stop = async (): Promise<void> => {
        stdout.write(window.leave());
        await suspend(whom);
        stdout.write(window.enter());
      };
      suspendTerminal(stop)
        .catch(() => undefined)
        .finally(() => {
          stopped.current = false;
        });
    },
    [suspend, suspendTerminal, stdout, window],
  );
}
