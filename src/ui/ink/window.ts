import { bytesOfAll } from "../../run/state/images-state.ts";
import { percentOf } from "../messages/download.ts";
import type { TerminalFeatures } from "../writer.ts";
import { cleanText } from "../clean-text.ts";
import { runTitle } from "./header.ts";
import type { Snapshot } from "./screen-store.ts";

/**
 * The terminal's other screen, on which the program draws while it runs. Nothing there is wrapped again when the
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

/**
 * The terminal's window while a run is shown: its other screen, its title, and the progress in its tab or in the taskbar.
 * Each call returns what is to be written. Whatever was changed is put back by `leave`, however the program ends.
 */
export interface Window {
  enter(): string;
  leave(): string;
  /** What changed; nothing while the window is not ours. */
  show(snapshot: Pick<Snapshot, "state" | "wizard">): string;
}

// ECMA-48, and xterm's control sequences: OSC 2 sets the title, CSI 22 and 23 t keep it and bring it back.
const end = "\u001b\\";
const keepTitle = "\u001b[22;0t";
// A terminal that kept none is left without a title of ours.
const restoreTitle = `\u001b]2;${end}\u001b[23;0t`;
// ConEmu's OSC 9;4: 0 none, 1 with a percentage, 3 without, 4 paused.
const noProgress = `\u001b]9;4;0;0${end}`;

export function createWindow({ title, progress }: TerminalFeatures): Window {
  let isOurs = false;
  let shownTitle = "";
  let shownProgress = noProgress;
  return {
    enter() {
      isOurs = true;
      shownTitle = "";
      shownProgress = noProgress;
      return `${title ? keepTitle : ""}${ownScreen.enter}`;
    },
    leave() {
      const was = isOurs;
      isOurs = false;
      if (!was) return ownScreen.leave;
      return `${ownScreen.leave}${progress ? noProgress : ""}${title ? restoreTitle : ""}`;
    },
    show(snapshot) {
      if (!isOurs) return "";
      const now = { title: titleOf(snapshot), progress: progressOf(snapshot) };
      const newTitle = title && now.title !== shownTitle;
      const newProgress = progress && now.progress !== shownProgress;
      shownTitle = now.title;
      shownProgress = now.progress;
      return `${newTitle ? `\u001b]2;${now.title}${end}` : ""}${newProgress ? now.progress : ""}`;
    },
  };
}

/** "53% Setting up Ann". */
function titleOf(snapshot: Pick<Snapshot, "state" | "wizard">): string {
  const percent = percentNow(snapshot);
  const title = cleanText(runTitle(snapshot.state));
  return percent === null ? title : `${percent}% ${title}`;
}

function progressOf(snapshot: Pick<Snapshot, "state" | "wizard">): string {
  const { run, closing, download } = snapshot.state;
  // Nothing is under way while a person is asked.
  if (run === null || closing !== null || snapshot.wizard !== null) return noProgress;
  const percent = percentNow(snapshot);
  if (percent === null) return `\u001b]9;4;3;0${end}`;
  return `\u001b]9;4;${download.paused ? 4 : 1};${percent}${end}`;
}

function percentNow({ state, wizard }: Pick<Snapshot, "state" | "wizard">): number | null {
  const { download, closing } = state;
  if (wizard !== null || closing !== null) return null;
  if (download.progressAt === null || download.finished !== null) return null;
  const { receivedBytes, totalBytes } = bytesOfAll(state);
  return percentOf(receivedBytes, totalBytes);
}
