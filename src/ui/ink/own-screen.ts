/**
 * The terminal's other screen, on which the program draws while it runs. Nothing there is wrapped anew when the
 * terminal is resized, and nothing goes to the scrollback: on the usual screen a terminal that loses rows or columns has
 * pushed parts of a frame into the scrollback before any program hears of it.
 */
const wipe = "\u001b[H\u001b[J";

export const ownScreen = {
  enter: `\u001b[?1049h${wipe}`,
  wipe,
  /** Emptied first: a terminal that has no other screen keeps no part of a frame. */
  leave: `${wipe}\u001b[?1049l`,
} as const;
