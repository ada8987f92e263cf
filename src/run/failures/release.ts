import { exitCodes, row } from "../failure.ts";
import { quoted } from "../shell-quote.ts";

const nothingChanged = "Nothing was changed.";
const otherFolder = "Or install it elsewhere: sh install.sh --prefix DIR";

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
  "release.noexec": row<{ readonly folder: string }>({
    exitCode: exitCodes.machine,
    message: ({ folder }) => `Programs in ${folder} can't be run.`,
    hint: () => `Is that disk mounted noexec? ${otherFolder}`,
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
  "release.from_checkout": row<{ readonly folder: string }>({
    exitCode: exitCodes.usage,
    message: ({ folder }) => `The heros in ${folder} was built from a checkout.`,
    hint: () => "To upgrade it, update the checkout and run there: sh install.sh",
  }),
  "release.from_npm": row<{ readonly folder: string }>({
    exitCode: exitCodes.usage,
    message: ({ folder }) => `The heros in ${folder} was installed by npm.`,
    hint: ({ folder }) =>
      folder.includes("/_npx/")
        ? "npx installed it for this run alone. The newest version: npx heros@latest"
        : "Upgrade it with: npm i -g heros@latest. Remove it with: npm rm -g heros",
  }),
  "release.bad_base": row<{ readonly base: string }>({
    exitCode: exitCodes.usage,
    message: ({ base }) => `HEROS_BASE_URL is not an https address: ${base}`,
    hint: () => "Give the address that releases are below, or unset it: unset HEROS_BASE_URL",
  }),
  "release.unreachable": row<{ readonly base: string; readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ base, reason }) => `The release can't be fetched from ${base}: ${reason}.`,
    hint: () => `${nothingChanged} Check the network, then run this again.`,
  }),
  "release.not_found": row<{ readonly url: string }>({
    exitCode: exitCodes.network,
    message: ({ url }) => `There is no such release: ${url} does not exist.`,
    hint: () => `${nothingChanged} Check --version and --channel.`,
  }),
  "release.no_platform": row<{ readonly platform: string; readonly folder: string }>({
    exitCode: exitCodes.machine,
    message: ({ platform, folder }) => `The release at ${folder} has nothing for ${platform}.`,
    hint: () => nothingChanged,
  }),
  "release.not_beside": row<{ readonly file: string; readonly name: string }>({
    exitCode: exitCodes.usage,
    message: ({ file, name }) => `${name} is missing beside ${file}, so it can't be verified.`,
    hint: () => "Copy it there from the same release.",
  }),
  "release.not_listed": row<{ readonly file: string }>({
    exitCode: exitCodes.hash,
    message: ({ file }) => `The SHA256SUMS beside ${file} does not name it.`,
    hint: () => "Copy the sums from the same release, and leave the tarball its name.",
  }),
  "release.no_ssh_keygen": row({
    exitCode: exitCodes.hash,
    message: () => "ssh-keygen is missing, so the release's signature can't be verified.",
    hint: () =>
      `${nothingChanged} Install it (sudo apt-get install openssh-client), then run this again.`,
  }),
  "release.bad_signature": row<{ readonly base: string }>({
    exitCode: exitCodes.hash,
    message: ({ base }) => `The release at ${base} is not signed with a key of heros.`,
    hint: () => `${nothingChanged} Don't install this release; check the address and report it.`,
  }),
  "release.wrong_version": row<{ readonly wanted: string; readonly found: string }>({
    exitCode: exitCodes.hash,
    message: ({ wanted, found }) => `The server offers heros ${found} in the place of ${wanted}.`,
    hint: () => `${nothingChanged} Check the address that releases come from.`,
  }),
  "release.older": row<{ readonly current: string; readonly latest: string }>({
    exitCode: exitCodes.failed,
    message: ({ current, latest }) =>
      `heros ${latest} is older than the installed heros ${current}.`,
    hint: ({ latest }) => `To install it anyway: heros upgrade --version ${latest}`,
  }),
  "release.hash_mismatch": row<{ readonly name: string; readonly sha256: string }>({
    exitCode: exitCodes.hash,
    message: ({ name, sha256 }) => `${name} does not have the signed SHA-256 ${sha256}.`,
    hint: () => `${nothingChanged} Run this again later; if it stays so, report it.`,
  }),
  "release.bad_archive": row<{ readonly name: string; readonly why: string }>({
    exitCode: exitCodes.hash,
    message: ({ name, why }) => `${name} was not unpacked: ${why}.`,
    hint: () => `${nothingChanged} Please report it.`,
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
