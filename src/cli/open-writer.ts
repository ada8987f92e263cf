import type { Terminal, Writer } from "../ui/writer.ts";
import { failure } from "../run/failures/table.ts";
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
      complaint: "--output ink needs a terminal for its input and output; use --output plain here",
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

/** Loads the one writer that is used; the others, and Ink above all, cost time to import, as does what counts cells, which a pipe has none of. */
export async function openWriter(name: WriterName, terminal: Terminal): Promise<Writer> {
  switch (name) {
    case "ink": {
      const { createInkWriter } = await import("../ui/ink/writer.tsx");
      return createInkWriter(terminal);
    }
    case "plain": {
      const { createPlainWriter } = await import("../ui/plain/writer.ts");
      if (!terminal.stdout.isTTY && !terminal.stderr.isTTY) return createPlainWriter(terminal);
      const { foldText } = await import("../ui/plain/fold-text.ts");
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
