import { exitCodes } from "../exit-codes.ts";
import { quoted } from "../shell-quote.ts";
import { row } from "./row.ts";

const otherFolder = "Or install it elsewhere: heros release install --prefix DIR";

/** Installed versions: install, upgrade, roll back, uninstall. */
export const releaseFailures = {
  "release.no_tree": row<{ readonly folder: string }>({
    exitCode: exitCodes.usage,
    message: ({ folder }) => `${folder} does not hold a release of heros.`,
    hint: () => "install.sh unpacks a release and installs it: sh install.sh",
  }),
  "release.wrong_platform": row<{ readonly platform: string; readonly machine: string }>({
    exitCode: exitCodes.machine,
    message: ({ platform, machine }) => `This release is for ${platform}, and this is ${machine}.`,
    hint: ({ machine }) => `Get the release for ${machine}.`,
  }),
  "release.not_writable": row<{ readonly folder: string; readonly errno: string }>({
    exitCode: exitCodes.machine,
    message: ({ folder, errno }) => `${folder} can't be written to (${errno}).`,
    hint: () => `Make it writable for this user. ${otherFolder}`,
  }),
  "release.foreign_launcher": row<{ readonly file: string }>({
    exitCode: exitCodes.machine,
    message: ({ file }) => `${file} already exists and is not from heros, so it was not replaced.`,
    hint: ({ file }) => `Move it away: mv ${quoted(file)} ${quoted(`${file}.old`)}. ${otherFolder}`,
  }),
  "release.broken": row<{ readonly version: string; readonly why: string }>({
    exitCode: exitCodes.failed,
    message: ({ version, why }) => `heros ${version} does not start on this machine: ${why}.`,
    hint: () => "It was not installed. The version that was installed before still works.",
  }),
  "release.not_installed": row<{ readonly folder: string }>({
    exitCode: exitCodes.usage,
    message: ({ folder }) => `The heros in ${folder} runs from there and is not installed.`,
    hint: () => "Use the installed one, or install it: sh install.sh",
  }),
  "release.no_previous": row<{ readonly now: string | null }>({
    exitCode: exitCodes.failed,
    message: () => "There is no earlier version to go back to.",
    hint: ({ now }) =>
      now === null ? "Install heros first: sh install.sh" : `Installed now: ${now}`,
  }),
  "uninstall.needs_yes": row({
    exitCode: exitCodes.usage,
    message: () => "heros uninstall can't ask its questions without an interactive terminal.",
    hint: () => "Add --yes to remove heros and keep its data; --yes --purge removes models too.",
  }),
  "uninstall.running": row<{ readonly command: string; readonly pid: number }>({
    exitCode: exitCodes.failed,
    message: ({ command, pid }) =>
      `heros ${command} is running in the background (PID ${pid}), and uses what --purge removes.`,
    hint: ({ pid }) => `Stop it first: kill ${pid}`,
  }),
  "release.busy": row<{ readonly holder: string }>({
    exitCode: exitCodes.failed,
    message: ({ holder }) => `Another installation is running (${holder}).`,
    hint: () => "Let it finish, then run this again.",
  }),
};
