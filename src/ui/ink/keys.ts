import type { Key } from "ink";

/** What a person meant by a key. */
export type Press =
  | { readonly kind: "up" | "down" | "left" | "right" | "first" | "last" }
  | { readonly kind: "pageUp" | "pageDown" }
  | { readonly kind: "enter" | "escape" | "backspace" | "clear" | "interrupt" | "suspend" }
  | { readonly kind: "text"; readonly text: string };

/**
 * What came from the terminal as presses, in order. Keys that are typed fast, or pasted where the terminal
 * knows no brackets, come as one text. Letters stay text: the page decides.
 */
export function readKeys(input: string, key: Key): readonly Press[] {
  const press = readKey(input, key);
  if (press?.kind !== "text") return press === null ? [] : [press];
  return press.text
    .split(/([\r\n\u007f\b])/)
    .filter((part) => part !== "")
    .map(readPart);
}

function readPart(part: string): Press {
  if (part === "\r" || part === "\n") return { kind: "enter" };
  if (part === "\u007f" || part === "\b") return { kind: "backspace" };
  return { kind: "text", text: part };
}

function readKey(input: string, key: Key): Press | null {
  if (key.ctrl) {
    if (input === "c") return { kind: "interrupt" };
    if (input === "z") return { kind: "suspend" };
    if (input === "u") return { kind: "clear" };
    if (input === "h") return { kind: "backspace" };
    return null;
  }
  if (key.upArrow) return { kind: "up" };
  if (key.downArrow) return { kind: "down" };
  if (key.leftArrow) return { kind: "left" };
  if (key.rightArrow) return { kind: "right" };
  if (key.pageUp) return { kind: "pageUp" };
  if (key.pageDown) return { kind: "pageDown" };
  if (key.home) return { kind: "first" };
  if (key.end) return { kind: "last" };
  if (key.tab) return { kind: key.shift ? "up" : "down" };
  if (key.return) return { kind: "enter" };
  if (key.escape) return { kind: "escape" };
  if (key.backspace || key.delete) return { kind: "backspace" };
  if (key.meta || input === "") return null;
  return { kind: "text", text: input };
}
