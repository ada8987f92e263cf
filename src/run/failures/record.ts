import { exitCodes } from "../exit-codes.ts";
import { row } from "./row.ts";

const whereRecordsAre = "Records of runs are in ~/.local/state/heros/logs.";
/** File and line. */
type Line = { readonly place: string };

/** Records of runs, and runs in the background. */
export const recordFailures = {
  "background.not_started": row<{ readonly command: string; readonly reason: string }>({
    exitCode: exitCodes.failed,
    message: ({ reason }) => `heros could not be left in the background: ${reason}.`,
    hint: ({ command }) =>
      `Nothing is lost. Run heros ${command} again: it goes on where it stopped.`,
  }),
  "background.still_running": row<{ readonly pid: number }>({
    exitCode: exitCodes.failed,
    message: ({ pid }) => `The run in the background, process ${pid}, does not stop.`,
    hint: ({ pid }) => `End it with: kill -9 ${pid}. What is downloaded is kept.`,
  }),
  "background.lost": row<{ readonly command: string }>({
    exitCode: exitCodes.failed,
    message: () =>
      "The run in the background ended without a word: it was killed, or the machine stopped.",
    hint: ({ command }) =>
      `Nothing that came is lost. Run heros ${command} again: it goes on where it stopped.`,
  }),
  "replay.unreadable": row<{ readonly file: string; readonly reason: string }>({
    exitCode: exitCodes.usage,
    message: ({ file, reason }) => `The record ${file} can't be read (${reason}).`,
    hint: () => whereRecordsAre,
  }),
  "replay.empty": row<{ readonly file: string }>({
    exitCode: exitCodes.usage,
    message: ({ file }) => `${file} holds no events of a run.`,
    hint: () => whereRecordsAre,
  }),
  "replay.newer": row<Line & { readonly version: number }>({
    exitCode: exitCodes.usage,
    message: ({ place, version }) =>
      `${place} is of version ${version}, and this heros knows version 1.`,
    hint: () => "Play it with a newer heros.",
  }),
  "replay.broken": row<Line & { readonly what: string }>({
    exitCode: exitCodes.usage,
    message: ({ place, what }) => `${place} ${what}.`,
    hint: () => "Give a file of JSON lines as heros records them, or take that line out.",
  }),
};
