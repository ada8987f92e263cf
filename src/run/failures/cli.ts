import { exitCodes } from "../exit-codes.ts";
import { row } from "./row.ts";

/** A file that was named. */
type NamedFile = { readonly file: string; readonly reason: string };

function unreadable(noun: "config" | "catalog" | "token") {
  return row<NamedFile>({
    exitCode: exitCodes.usage,
    message: ({ file, reason }) => `The ${noun} file ${file} can't be read (${reason}).`,
    hint: () => `Give the path of a ${noun} file that you may read.`,
  });
}

/** The first line of a complaint is the sentence, its others the hint. */
function linesOf(complaint: string): readonly [string, readonly string[]] {
  const [first = "", ...more] = complaint
    .trim()
    .replace(/^error: /, "")
    .split("\n");
  return [first, more];
}

/** What was typed, the files that it names, and what is asked of a command. */
export const cliFailures = {
  /** Arguments that make no sense, or none together. */
  "usage.wrong": row<{ readonly complaint: string }>({
    exitCode: exitCodes.usage,
    message({ complaint }) {
      const [first] = linesOf(complaint);
      const end = /[.?]$/.test(first) ? "" : ".";
      return `${first.charAt(0).toUpperCase()}${first.slice(1)}${end}`;
    },
    hint({ complaint }) {
      const [, more] = linesOf(complaint);
      return [...more, "heros --help lists commands, heros setup --help their flags."].join(" ");
    },
  }),
  "usage.no_home": row({
    exitCode: exitCodes.usage,
    message: () => "HOME is not set to a folder's full path, and this user has no home folder.",
    hint: () => "Set HOME to a folder that you can write to: HOME=/var/lib/heros heros setup",
  }),
  "usage.no_folder": row({
    exitCode: exitCodes.usage,
    message: () => "The current folder no longer exists.",
    hint: () => "Change to another folder and run heros again: cd ~",
  }),
  "config.unreadable": unreadable("config"),
  "catalog.unreadable": unreadable("catalog"),
  "token.unreadable": unreadable("token"),
  "token.malformed": row<{ readonly where: string }>({
    exitCode: exitCodes.usage,
    message: ({ where }) =>
      `${where} does not hold a Hugging Face token: it should be one word in one line.`,
    hint: () => "Copy the token again from your Hugging Face settings into that file.",
  }),
  "prune.needs_yes": row<{ readonly size: string }>({
    exitCode: exitCodes.usage,
    message: ({ size }) => `Nothing was removed: nobody can be asked here whether ${size} may go.`,
    hint: () => "Add --yes to remove it, or --dry-run to look only.",
  }),
};
