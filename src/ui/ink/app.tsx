import { useInput, useStdout, useWindowSize } from "ink";
import { useLayoutEffect, useSyncExternalStore, type ReactNode } from "react";
import { frameColumns, screenRows } from "./frame-size.ts";
import { Frame } from "./frame.tsx";
import type { Line } from "./line.ts";
import { liveScreen } from "./live/screen.ts";
import { ownScreen } from "./own-screen.ts";
import { newestRows } from "./scrolled-rows.ts";
import type { Store } from "./store.ts";
import type { Theme } from "./theme.ts";
import { readKeys } from "./wizard/keys.ts";
import { Wizard } from "./wizard/wizard.tsx";

/** A page of the wizard gets at least so many rows, so that it stays in its place from question to question. */
const pageRows = 20;

/** The root: the newest finished lines above, one live screen below. It draws what the store says and does no work. */
export function App({
  store,
  theme,
  hasKeys,
  interrupt,
}: {
  readonly store: Store;
  readonly theme: Theme;
  /** False where stdin is no terminal: then no key is listened for. */
  readonly hasKeys: boolean;
  interrupt(): void;
}): ReactNode {
  const snapshot = useSyncExternalStore(store.subscribe, store.snapshot);
  const size = useWindowSize();
  const { wizard } = snapshot;
  useOwnScreen();
  useInput(
    (input, key) => {
      if (readKeys(input, key).some(({ kind }) => kind === "interrupt")) interrupt();
    },
    { isActive: hasKeys && wizard === null },
  );
  const above = (lines: readonly Line[], leastRows = 0): readonly Line[] => {
    const room = screenRows(size) - Math.max(lines.length, leastRows);
    const rows = newestRows(snapshot.scrolled, room, { columns: frameColumns(size), theme });
    return [...rows, ...lines];
  };
  return wizard === null ? (
    <Frame lines={above(liveScreen({ ...snapshot, size, theme }))} size={size} theme={theme} />
  ) : (
    <Wizard
      request={wizard}
      snapshot={snapshot}
      size={size}
      theme={theme}
      interrupt={interrupt}
      compose={(lines) => above(lines, pageRows)}
    />
  );
}

/** However the program ends, the usual screen is there again. */
function useOwnScreen(): void {
  const { stdout } = useStdout();
  useLayoutEffect(() => () => void stdout.write(ownScreen.leave), [stdout]);
}
