import { Box, Static, useInput, useWindowSize } from "ink";
import { useSyncExternalStore, type ReactNode } from "react";
import { demoWords } from "../words/run.ts";
import { Frame, Row } from "./frame.tsx";
import { span, type Line } from "./line.ts";
import { liveScreen } from "./live/screen.ts";
import type { ScrolledLine } from "./scrolled.ts";
import type { Store } from "./store.ts";
import type { Role, Theme } from "./theme.ts";
import { readKeys } from "./wizard/keys.ts";
import { Wizard } from "./wizard/wizard.tsx";

/** The root: finished lines above, one live screen below. It draws what the store says and does no work. */
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
  useInput(
    (input, key) => {
      if (readKeys(input, key).some(({ kind }) => kind === "interrupt")) interrupt();
    },
    { isActive: hasKeys && wizard === null },
  );
  return (
    <>
      <Static items={[...snapshot.scrolled]}>
        {(line, index) => <Scrolled key={index} line={line} theme={theme} />}
      </Static>
      {wizard === null ? (
        <Frame lines={liveScreen({ ...snapshot, size, theme })} size={size} theme={theme} />
      ) : (
        <Wizard
          request={wizard}
          snapshot={snapshot}
          size={size}
          theme={theme}
          interrupt={interrupt}
        />
      )}
    </>
  );
}

const roles = { info: "plain", good: "good", warning: "warning", bad: "bad" } as const;

function Scrolled({
  line,
  theme,
}: {
  readonly line: ScrolledLine;
  readonly theme: Theme;
}): ReactNode {
  const { sentence, apart, demo } = line;
  const role: Role = roles[sentence.tone];
  const mark = sentence.mark === null ? [] : [span(`${theme.signs[sentence.mark]} `, role)];
  // Where a sign carries the colour the words need none.
  const text = span(
    sentence.text,
    sentence.mark === null || sentence.tone === "bad" ? role : "plain",
  );
  const rows: Line[] = [
    ...(apart ? [[]] : []),
    ...(demo ? [[span(demoWords, "demo")]] : []),
    [...mark, text],
  ];
  return (
    <Box flexDirection="column">
      {rows.map((row, index) => (
        // oxlint-disable-next-line react/no-array-index-key
        <Row key={index} line={row} theme={theme} wrap="wrap" />
      ))}
      {sentence.more.length > 0 && (
        <Box flexDirection="column" paddingLeft={4}>
          {sentence.more.map((text_, index) => (
            // oxlint-disable-next-line react/no-array-index-key
            <Row key={index} line={[span(text_)]} theme={theme} wrap="wrap" />
          ))}
        </Box>
      )}
    </Box>
  );
}
