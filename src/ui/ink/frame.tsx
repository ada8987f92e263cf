import { Box, Text } from "ink";
import type { ReactNode } from "react";
import { printable } from "../clean-text.ts";
import {
  clipLine,
  frameColumns,
  type Line,
  screenRows,
  type Size,
  type Span,
  type WidgetName,
} from "./line.ts";
import { asLink, styled, type Theme } from "./theme.ts";

/** What stands for the names; nothing until it is loaded. */
export type Widgets = Readonly<Record<WidgetName, ReactNode>>;

/** The screen, cut to what the terminal can hold. */
export function Frame({
  lines,
  size,
  theme,
  widgets = null,
}: {
  readonly lines: readonly Line[];
  readonly size: Size;
  readonly theme: Theme;
  readonly widgets?: Widgets | null;
}): ReactNode {
  const shown = lines.slice(0, screenRows(size));
  return (
    <Box flexDirection="column">
      {/* A row is its place: nothing moves with it. */}
      {shown.map((line, index) => (
        <FrameRow
          // oxlint-disable-next-line react/no-array-index-key
          key={index}
          line={clipLine(line, frameColumns(size), theme)}
          theme={theme}
          widgets={widgets}
        />
      ))}
    </Box>
  );
}

function FrameRow({
  line,
  theme,
  widgets,
}: {
  readonly line: Line;
  readonly theme: Theme;
  readonly widgets: Widgets | null;
}): ReactNode {
  if (widgets === null || line.every(({ widget }) => widget === undefined)) {
    return <Row line={line} theme={theme} />;
  }
  const drawn = ({ text, role, widget }: Span): ReactNode =>
    widget === undefined ? (
      <Text {...theme.looks[role]}>{printable(text, theme.unicode)}</Text>
    ) : (
      widgets[widget]
    );
  return (
    <Box>
      {line.map((span, index) => (
        // oxlint-disable-next-line react/no-array-index-key
        <Box key={index} flexShrink={0}>
          {drawn(span)}
        </Box>
      ))}
    </Box>
  );
}

/** Rows under each other, all of them. */
export function Lines({
  lines,
  theme,
}: {
  readonly lines: readonly Line[];
  readonly theme: Theme;
}): ReactNode {
  return (
    <Box flexDirection="column">
      {lines.map((line, index) => (
        // oxlint-disable-next-line react/no-array-index-key
        <Row key={index} line={line} theme={theme} />
      ))}
    </Box>
  );
}

/** One row, which is never wrapped. Looks are written into its text: a node a span would double what a frame costs. */
export function Row({ line, theme }: { readonly line: Line; readonly theme: Theme }): ReactNode {
  const text = line.map(({ text: words, role, link }) => {
    const look = styled(printable(words, theme.unicode), theme.looks[role]);
    return link === undefined || !theme.links ? look : asLink(look, link);
  });
  return <Text wrap="truncate-end">{line.length === 0 ? " " : text.join("")}</Text>;
}
