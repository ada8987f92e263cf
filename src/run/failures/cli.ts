import { exitCodes, row } from "../failure.ts";

/** A file that was named. */
type NamedFile = { readonly file: string; readonly reason: string };

/** A file that was read, and is not what it should be. */
export interface InvalidYaml {
  readonly file: string;
  /** In order of the lines; one at least. */
  readonly problems: readonly { readonly line: number; readonly problem: string }[];
}

/** More of them would scroll the first away. */
const maxProblems = 50;

function inYaml({ file, problems }: InvalidYaml): string {
  const told = problems
    .slice(0, maxProblems)
    // What other failures say has the stop of its sentence already.
    .map(({ line, problem }) => `line ${line}: ${problem.replace(/\.$/, "")}`);
  const more = problems.length - told.length;
  return `${file}, ${told.join("; ")}${more > 0 ? `; and ${more} more` : ""}.`;
}

function fixLines({ problems }: InvalidYaml): string {
  return problems.length === 1 ? "Fix that line." : "Fix those lines.";
}

/** Why a file can't be read, by Linux' name of it. */
export const readErrors: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EISDIR: "it is a folder",
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  ENXIO: "it is not a regular file",
};

function unreadable(noun: "config" | "catalog" | "token") {
  return row<NamedFile>({
    exitCode: exitCodes.usage,
    message: ({ file, reason }) =>
      `Can't read the ${noun} file ${shown(file)}: ${readErrors[reason] ?? reason}.`,
    hint: () => `Check the path and the permissions of the ${noun} file.`,
  });
}

/** A path that was meant as an address, without its login. */
function shown(file: string): string {
  return file.replace(/(https?:\/+)[^/]*@/u, "$1…@");
}

/** The first line of a complaint is the sentence, its others the hint. */
function linesOf(complaint: string): readonly [string, readonly string[]] {
  const [first = "", ...more] = complaint
    .trim()
    .replace(/^error: /, "")
    .split("\n");
  return [first, more];
}

const whereRecordsAre = "Records of runs are in ~/.local/state/heros/logs.";
/** File and line. */
type Line = { readonly place: string };

/** Arguments, the files that they name, where heros was started, and runs in the background. */
export const cliFailures = {
  /** Arguments that make no sense, or none together. */
  "report.not_written": row<{ readonly folder: string; readonly why: string }>({
    exitCode: exitCodes.failed,
    message: ({ folder, why }) => `The report can't be written to ${folder}: ${why}.`,
    hint: () => "Run heros report in a folder that you can write to.",
  }),
  "usage.wrong": row<{ readonly complaint: string }>({
    exitCode: exitCodes.usage,
    message({ complaint }) {
      const [first] = linesOf(complaint);
      const end = /[.?]$/.test(first) ? "" : ".";
      // A command keeps its name.
      const isNamed = /^heros\b/.test(first);
      return `${isNamed ? first : first.charAt(0).toUpperCase() + first.slice(1)}${end}`;
    },
    hint({ complaint }) {
      const [, more] = linesOf(complaint);
      return [...more, "Run heros COMMAND --help for usage."].join(" ");
    },
  }),
  "usage.no_home": row({
    exitCode: exitCodes.usage,
    message: () => "HOME is not set to an absolute path, and this user has no home folder.",
    hint: () => "Set HOME to a folder you can write to: HOME=/var/lib/heros heros setup",
  }),
  "usage.no_folder": row({
    exitCode: exitCodes.usage,
    message: () => "The current folder no longer exists.",
    hint: () => "Change to another folder and run heros again: cd ~",
  }),
  "catalog.invalid": row<InvalidYaml>({
    exitCode: exitCodes.usage,
    message: (found) => `Invalid catalog ${inYaml(found)}`,
    hint: (found) => `${fixLines(found)} docs/catalog.md lists every key.`,
  }),
  "config.invalid": row<InvalidYaml & { readonly keys: readonly string[] }>({
    exitCode: exitCodes.usage,
    message: (found) => `Invalid config file ${inYaml(found)}`,
    hint: (found) => `${fixLines(found)} The keys are ${found.keys.join(", ")}.`,
  }),
  "config.unreadable": unreadable("config"),
  "catalog.unreadable": unreadable("catalog"),
  "token.unreadable": unreadable("token"),
  "token.malformed": row<{ readonly where: string }>({
    exitCode: exitCodes.usage,
    message: ({ where }) =>
      `${where} does not contain a Hugging Face token (one word on one line).`,
    hint: () => "Copy the token again from https://huggingface.co/settings/tokens",
  }),
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
