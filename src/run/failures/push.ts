import { exitCodes, row } from "../failure.ts";
import { quoted } from "../shell-quote.ts";
import { formatBytes } from "../units.ts";

/** `host`: the other machine by its name. `words`: as ssh takes it: "-p 2222 ann@spark-2". */
interface There {
  readonly host: string;
  readonly words: string;
}

const again = "Run this again: it continues where it stopped.";
const untouched = "Nothing was changed there.";

/** `heros push`: another machine, over ssh. */
export const pushFailures = {
  "push.bad_address": row<{ readonly address: string; readonly problem: string }>({
    exitCode: exitCodes.usage,
    message: ({ address, problem }) =>
      `${JSON.stringify(address)} is not the address of a machine: ${problem}.`,
    hint: () => "Write it as for ssh: heros push USER@HOST, or ssh://USER@HOST:PORT",
  }),
  "push.no_ssh": row({
    exitCode: exitCodes.machine,
    message: () => "heros push needs ssh, which is not installed on this machine.",
    hint: () => "Install it (sudo apt-get install openssh-client), then run this again.",
  }),
  "push.unreachable": row<There & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ host, reason }) => `ssh can't connect to ${host}: ${reason}.`,
    hint: ({ words }) => `Check the name and the network: ssh ${words} true`,
  }),
  "push.denied": row<There & { readonly interactive: boolean }>({
    exitCode: exitCodes.usage,
    message: ({ host }) => `${host} refused the login.`,
    hint: ({ words, interactive }) =>
      interactive
        ? `Check the user's name and key: ssh ${words} true`
        : `Without a terminal, or with --yes, ssh asks for no password. Give the machine a key: ssh-copy-id ${words}`,
  }),
  "push.unknown_host": row<There>({
    exitCode: exitCodes.usage,
    message: ({ host }) => `ssh does not know the key of ${host}, and it was not accepted.`,
    hint: ({ words }) => `Connect once by hand, and compare the key: ssh ${words} true`,
  }),
  "push.host_changed": row<There>({
    exitCode: exitCodes.hash,
    message: ({ host }) => `${host} has another key than before: it may be another machine.`,
    hint: ({ words }) =>
      `If you know why, remove the old key as ssh says, and connect by hand: ssh ${words} true`,
  }),
  "push.no_shell": row<There>({
    exitCode: exitCodes.machine,
    message: ({ host }) => `The login to ${host} worked, but no command can be run there.`,
    hint: ({ words }) => `This must print "works": ssh ${words} "sh -c 'echo works'"`,
  }),
  "push.wrong_machine": row<{ readonly host: string; readonly what: string }>({
    exitCode: exitCodes.machine,
    message: ({ host, what }) => `heros can't run on ${host}: ${what}.`,
    hint: () =>
      `${untouched} heros needs Linux with glibc 2.28 or newer, on arm64 or x86-64, with 64 bits.`,
  }),
  "push.lacks_tools": row<{ readonly host: string; readonly tools: readonly string[] }>({
    exitCode: exitCodes.machine,
    message: ({ host, tools }) => `${host} lacks ${tools.join(", ")}.`,
    hint: () => `${untouched} Install what is missing there, then run this again.`,
  }),
  "push.not_writable": row<{ readonly host: string; readonly folder: string }>({
    exitCode: exitCodes.machine,
    message: ({ host, folder }) => `${folder} on ${host} can't be written to.`,
    hint: () => `${untouched} Make it writable for the user whom you log in as.`,
  }),
  "push.no_space": row<{
    readonly host: string;
    readonly folder: string;
    readonly neededBytes: number;
    readonly freeBytes: number;
  }>({
    exitCode: exitCodes.disk,
    message: ({ host, folder, neededBytes, freeBytes }) =>
      `${host} needs ${formatBytes(neededBytes)} in ${folder}, and ${formatBytes(freeBytes)} are free.`,
    hint: () => `${untouched} Free some space there, or choose fewer sets: --group`,
  }),
  "push.no_release": row<{ readonly how: "checkout" | "npm"; readonly folder: string }>({
    exitCode: exitCodes.usage,
    message: ({ folder }) =>
      `The heros in ${folder} is not an installed release, so it can't be sent to another machine.`,
    hint: ({ how }) =>
      how === "npm"
        ? "Install a release with install.sh, and push with that one; or name one: --release FILE"
        : "Install it (sh install.sh --no-setup), and push with ~/.local/bin/heros; or name a release: --release FILE",
  }),
  "push.other_platform": row<{
    readonly host: string;
    readonly own: string;
    readonly platform: string;
    readonly isNamed: boolean;
  }>({
    exitCode: exitCodes.machine,
    message: ({ host, own, platform, isNamed }) =>
      `${isNamed ? "That release" : "This heros"} is for ${own}, and ${host} needs one for ${platform}.`,
    hint: ({ platform, isNamed }) =>
      `${isNamed ? "" : "It was built from a checkout, which has no other. "}Name a release for it: --release heros-VERSION-${platform}.tar.gz`,
  }),
  "push.bad_release": row<{ readonly file: string; readonly problem: string }>({
    exitCode: exitCodes.usage,
    message: ({ file, problem }) => `${file} can't be sent: ${problem}.`,
    hint: () => "Name the tarball of a release, with its SHA256SUMS and SHA256SUMS.sig beside it.",
  }),
  "push.not_cached": row<{ readonly models: readonly string[] }>({
    exitCode: exitCodes.usage,
    message: ({ models }) => `This machine does not have all of ${models.join(", ")}.`,
    hint: ({ models }) =>
      `Download it first: heros pull ${models.join(" ")}. Only models of the Hub's kind can be pushed.`,
  }),
  "push.not_packed": row<{ readonly reason: string }>({
    exitCode: exitCodes.failed,
    message: ({ reason }) => `The installed heros can't be packed: ${reason}.`,
    hint: () => "This needs GNU tar, gzip, and 50 MB in TMPDIR or /tmp.",
  }),
  "push.not_received": row<{ readonly host: string; readonly sha256: string }>({
    exitCode: exitCodes.hash,
    message: ({ host, sha256 }) => `What arrived on ${host} does not have the SHA-256 ${sha256}.`,
    hint: () =>
      "It was removed. Run this again; if it stays so, check that machine's disk and memory.",
  }),
  "push.disk_full": row<{ readonly host: string; readonly folder: string }>({
    exitCode: exitCodes.disk,
    message: ({ host, folder }) => `The disk of ${host} filled up: ${folder} can't be written.`,
    hint: () => `Free some space there. ${again}`,
  }),
  "push.lost": row<{ readonly host: string; readonly said: string | null }>({
    exitCode: exitCodes.network,
    message: ({ host, said }) =>
      `The connection to ${host} was lost${said === null ? "" : ` (${said})`}.`,
    hint: () => again,
  }),
  "push.no_forwarding": row<{ readonly address: string }>({
    exitCode: exitCodes.machine,
    message: () => "The ssh server there forbids forwarding, over which models and images go.",
    hint: ({ address }) =>
      `Write "AllowTcpForwarding remote" into its /etc/ssh/sshd_config, restart it (sudo systemctl restart ssh), and run this again: heros push ${quoted(address)}`,
  }),
  "push.bad_answer": row<{ readonly host: string; readonly what: string }>({
    exitCode: exitCodes.network,
    message: ({ host, what }) => `${host} gave an answer that heros does not give: ${what}.`,
    hint: () => "Does something in its shell's startup files print text, or is it another program?",
  }),
  "push.failed_there": row<{ readonly host: string; readonly what: string; readonly said: string }>(
    {
      exitCode: exitCodes.failed,
      message: ({ host, what, said }) => `${what} failed on ${host}: ${said}.`,
      hint: () => again,
    },
  ),
};
