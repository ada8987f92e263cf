import { Box, Text } from "ink";
import type { ReactNode } from "react";
import { frameColumns, frameRows } from "./frame-size.ts";
import { fitLine, type Line, type Size } from "./line.ts";
import type { Theme } from "./theme.ts";

/** The live part of the screen, cut to what the terminal can hold. */
export function Frame({
  lines,
  size,
  theme,
}: {
  readonly lines: readonly Line[];
  readonly size: Size;
  readonly theme: Theme;
}): ReactNode {
  const shown = lines.slice(0, frameRows(size));
  return (
    <Box flexDirection="column">
      {shown.map((line, index) => (
        // A row is its place: nothing moves with it.
        // oxlint-disable-next-line react/no-array-index-key
        <Row key={index} line={fitLine(line, frameColumns(size), theme)} theme={theme} />
      ))}
    </Box>
  );
}

export function Row({
  line,
  theme,
  wrap = "truncate-end",
}: {
  readonly line: Line;
  readonly theme: Theme;
  readonly wrap?: "wrap" | "truncate-end";
}): ReactNode {
  return (
    <Text wrap={wrap}>
      {line.length === 0
        ? " "
        : line.map(({ text, role }, index) => (
            // oxlint-disable-next-line react/no-array-index-key
            <Text key={index} {...theme.looks[role]}>
              {text}
            </Text>
          ))}
    </Text>
  );
}
