import { withNames } from "../ui/named-writer.ts";
import { noFeatures, type Terminal, type TerminalFeatures, type Writer } from "../ui/writer.ts";
import { failure } from "../run/failures/table.ts";
import { compareNumbers } from "../run/version.ts";
import type { Output } from "./options.ts";

export type WriterName = Exclude<Output, "auto">;

export interface OutputFacts {
  readonly output: Output;
  /** The command has nothing for a live screen. */
  readonly answersInLines?: boolean;
  readonly stdinIsTty: boolean;
  readonly stdoutIsTty: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Which writer to use.
 * @throws Failure `usage.wrong` where Ink is asked for and there is no terminal
 */
export function chooseWriter(facts: OutputFacts): WriterName {
  const { output, answersInLines = false, stdinIsTty, stdoutIsTty, env } = facts;
  const terminal = stdinIsTty && stdoutIsTty;
  if (output === "ink" && !terminal) {
    throw failure("usage.wrong", {
      complaint: "--output ink needs an interactive terminal; use --output plain",
    });
  }
  if (output !== "auto") return output;
  if (isOn(env["ACCESSIBLE"]) || isOn(env["INK_SCREEN_READER"])) return "accessible";
  return terminal && !answersInLines && env["TERM"] !== "dumb" ? "ink" : "plain";
}

/** Whether to use colours: NO_COLOR and `--no-color` win over FORCE_COLOR, that over what the stream is. */
export function wantsColor(facts: {
  readonly flag: boolean;
  readonly isTty: boolean;
  readonly env: OutputFacts["env"];
}): boolean {
  const { flag, isTty, env } = facts;
  if (!flag || (env["NO_COLOR"] ?? "") !== "") return false;
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined && forced !== "") return forced !== "0" && forced !== "false";
  return isTty && env["TERM"] !== "dumb";
}

/** Whether the locale is UTF-8; without it, ASCII signs are used. */
export function wantsUnicode(env: OutputFacts["env"]): boolean {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return /utf-?8/i.test(locale) && env["TERM"] !== "linux";
}

/** Terminals that set a title and keep the one before. Of any other, and of Linux' console, nothing is asked. */
const titled =
  /^(xterm|screen|tmux|rxvt|alacritty|kitty|foot|konsole|vte|gnome|wezterm|ghostty|contour|st-|mlterm|iterm)/i;

/** What the terminal understands beside text. */
export function terminalFeatures(facts: {
  readonly isTty: boolean;
  readonly color: boolean;
  readonly env: OutputFacts["env"];
}): TerminalFeatures {
  const { isTty, color, env } = facts;
  const term = env["TERM"] ?? "";
  if (!isTty || !titled.test(term)) return noFeatures;
  const isSet = (name: string): boolean => (env[name] ?? "") !== "";
  const inTmux = term.startsWith("tmux") || isSet("TMUX");
  const inScreen = !inTmux && (term.startsWith("screen") || isSet("STY"));
  // GNU screen hands on neither links nor progress; tmux hands on links.
  const progress = !inTmux && !inScreen && showsProgress(env);
  return { title: true, progress, links: color && !inScreen };
}

/**
 * Who takes OSC 9;4 for progress, from which version on, as each says of itself; for others it may be a notification:
 * Windows Terminal, ConEmu, VTE 0.80, Konsole 25.04, Ghostty 1.2, WezTerm of February 2025, iTerm2 3.6.6.
 */
function showsProgress(env: OutputFacts["env"]): boolean {
  if ((env["WT_SESSION"] ?? "") !== "" || env["ConEmuANSI"] === "ON") return true;
  if (Number(env["VTE_VERSION"]) >= 8000 || Number(env["KONSOLE_VERSION"]) >= 250_400) return true;
  const since: Readonly<Record<string, readonly number[]>> = {
    ghostty: [1, 2],
    WezTerm: [20_250_209],
    "iTerm.app": [3, 6, 6],
  };
  const first = since[env["TERM_PROGRAM"] ?? ""];
  if (first === undefined) return false;
  const version = (env["TERM_PROGRAM_VERSION"] ?? "").split(/[.-]/).map(Number);
  return compareNumbers(version, first) >= 0;
}

/** Loads the one writer that is used; the others, and Ink above all, cost time to import, as does what counts cells, which a pipe has none of. */
export async function openWriter(name: WriterName, terminal: Terminal): Promise<Writer> {
  return withNames(await loadWriter(name, terminal));
}

async function loadWriter(name: WriterName, terminal: Terminal): Promise<Writer> {
  switch (name) {
    case "ink": {
      const { createInkWriter } = await import("../ui/ink/writer.tsx");
      return createInkWriter(terminal);
    }
    case "plain": {
      const { createPlainWriter } = await import("../ui/plain/writer.ts");
      if (!terminal.stdout.isTTY && !terminal.stderr.isTTY) return createPlainWriter(terminal);
      const { foldText } = await import("../ui/text-width.ts");
      return createPlainWriter(terminal, foldText);
    }
    case "json": {
      const { createJsonWriter } = await import("../ui/json/writer.ts");
      return createJsonWriter(terminal);
    }
    case "accessible": {
      const { createAccessibleWriter } = await import("../ui/accessible/writer.ts");
      return createAccessibleWriter(terminal);
    }
  }
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0" && value !== "false";
}
