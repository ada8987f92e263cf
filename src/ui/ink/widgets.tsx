import { ConfirmInput, TextInput } from "@inkjs/ui";
import { Box, Text, useAnimation } from "ink";
import { type ReactNode, useEffect } from "react";
import { textWidth } from "../text-width.ts";
import type { Theme } from "./theme.ts";

/** Told when a widget begins to listen for its keys, and when it ends: in between nobody else should. */
interface Listens {
  onListening(now: boolean): void;
}

/** Where text is typed, with the cursor at any place of it. */
export function Editor({
  text,
  columns,
  onChange,
  onSubmit,
  onListening,
}: Listens & {
  /** What is there at first; another key makes it start over. */
  readonly text: string;
  /** A longer text shows its end, where the typing goes on. */
  readonly columns: number;
  onChange(text: string): void;
  onSubmit(text: string): void;
}): ReactNode {
  useListening(onListening);
  const isLong = textWidth(text) >= columns;
  return (
    <Box width={columns} overflowX="hidden" justifyContent={isLong ? "flex-end" : "flex-start"}>
      <Box flexShrink={0}>
        <TextInput defaultValue={text} onChange={onChange} onSubmit={onSubmit} />
      </Box>
    </Box>
  );
}

/** Yes or no, with the letter that Enter stands for in capitals. */
export function Confirm({
  enterIsYes,
  onAnswer,
  onListening,
}: Listens & {
  readonly enterIsYes: boolean;
  onAnswer(yes: boolean): void;
}): ReactNode {
  useListening(onListening);
  return (
    <ConfirmInput
      defaultChoice={enterIsYes ? "confirm" : "cancel"}
      onConfirm={() => onAnswer(true)}
      onCancel={() => onAnswer(false)}
    />
  );
}

/** Turns by itself, where nothing else on the page moves. */
export function Wait({ theme: { looks, symbols } }: { readonly theme: Theme }): ReactNode {
  const { frame } = useAnimation({ interval: 80 });
  return <Text {...looks.accent}>{symbols.spinner[frame % symbols.spinner.length]}</Text>;
}

/** An effect of a parent runs after those of its children, in which their listening begins. */
function useListening(onListening: Listens["onListening"]): void {
  useEffect(() => {
    onListening(true);
    return () => onListening(false);
  }, [onListening]);
}
