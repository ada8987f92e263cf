import { exitCodes } from "../exit-codes.ts";
import { readErrors } from "./cli.ts";
import { row } from "./row.ts";

const whereRecordsAre = "Records of runs are in ~/.local/state/heros/logs.";
/** File and line. */
type Line = { readonly place: string };

/** Records of runs, and runs in the background. */
export const recordFailures = {
  "background.not_started": row<{ readonly command: string; readonly reason: string }>({
    exitCode: exitCodes.failed,
    message: ({ reason }) => `heros could not continue in the background: ${reason}.`,
    hint: ({ command }) =>
      `Nothing is lost. Run heros ${command} again: it continues where it stopped.`,
  }),
  "background.still_running": row<{ readonly pid: number }>({
    exitCode: exitCodes.failed,
    message: ({ pid }) => `The background run (PID ${pid}) does not stop.`,
    hint: ({ pid }) => `Force it to stop: kill -9 ${pid}. Everything downloaded is kept.`,
  }),
  "background.lost": row<{ readonly command: string }>({
    exitCode: exitCodes.failed,
    message: () =>
      "The background run ended unexpectedly: it was killed, or the machine shut down.",
    hint: ({ command }) =>
      `Nothing is lost. Run heros ${command} again: it continues where it stopped.`,
  }),
  "replay.unreadable": row<{ readonly file: string; readonly reason: string }>({
    exitCode: exitCodes.usage,
    message: ({ file, reason }) =>
      `Can't read the record ${file}: ${readErrors[reason] ?? reason}.`,
    hint: () => whereRecordsAre,
  }),
  "replay.empty": row<{ readonly file: string }>({
    exitCode: exitCodes.usage,
    message: ({ file }) => `${file} contains no events.`,
    hint: () => whereRecordsAre,
  }),
  "replay.newer": row<Line & { readonly version: number }>({
    exitCode: exitCodes.usage,
    message: ({ place, version }) =>
      `${place} has format version ${version}, but this heros reads version 1.`,
    hint: () => "Replay it with a newer heros.",
  }),
  "replay.broken": row<Line & { readonly what: string }>({
    exitCode: exitCodes.usage,
    message: ({ place, what }) => `${place} ${what}.`,
    hint: () => "Give a file of JSON lines that heros recorded, or remove that line.",
  }),
};
