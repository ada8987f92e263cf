import { isatty } from "node:tty";
import { tokenVariables } from "../host/processes.ts";
import { realHost } from "../host/real-host.ts";
import { exitCodes } from "../run/failure.ts";
import { createPauseSwitch } from "../run/pause-switch.ts";
import { printableJson } from "../run/printable-json.ts";
import { cleanText } from "../ui/clean-text.ts";
import { noRunKeys, type RunKeys, type Terminal } from "../ui/writer.ts";
import { type Crash, watchForCrash } from "./crash.ts";
import { hostFacts } from "./host-facts.ts";
import { chooseWriter, openWriter, wantsColor, wantsUnicode } from "./open-writer.ts";
import { parseArguments, type HerosCommand } from "./program.ts";
import { performCommand } from "./perform-command.ts";
import { herosVersion } from "./app-files.ts";
import { askToStop } from "./handed.ts";
import { nothingHanded, takeHanded } from "./handed.ts";
import { createLeaving } from "./leaving.ts";
import { mayLeave, findRunning } from "./find-running.ts";
import { closingOf } from "./run-command.ts";
import { onSuspendAsked, suspendProcess } from "./suspend-process.ts";

/** The whole program, from the arguments to the exit status. The one place that reads `process`, and the one that exits. */
export async function main(): Promise<void> {
  process.exit(await answer(process.argv.slice(2)));
}

async function answer(argv: readonly string[]): Promise<number> {
  if (argv[0] === "--version" || argv[0] === "-V") {
    process.stdout.write(`${herosVersion()}\n`);
    return exitCodes.done;
  }
  const crash = watchForCrash(process);
  try {
    const parsed = parseArguments(argv);
    if (parsed.kind === "text") {
      process.stdout.write(parsed.text);
      return exitCodes.done;
    }
    return await perform(parsed.command, argv, crash);
  } catch (error) {
    return complain(error, wantsJson(argv));
  }
}

async function perform(
  command: HerosCommand,
  argv: readonly string[],
  crash: Crash,
): Promise<number> {
  const { stdin, stdout, stderr } = process;
  const handed = command.inBackground ? await takeHanded() : nothingHanded;
  const env = { ...process.env, ...handed.env };
  // What a library starts by itself inherits none either.
  for (const name of tokenVariables) delete process.env[name];
  const host = realHost(hostFacts(process, env));
  const met = await findRunning(host, command);
  const name = chooseWriter({
    output: command.output,
    answersInLines: met === null && answersInLines(command),
    stdinIsTty: isatty(0),
    stdoutIsTty: isatty(1),
    env,
  });
  const stop = new AbortController();
  const quit = new AbortController();
  const interrupt = () => {
    if (!stop.signal.aborted) return stop.abort();
    quit.abort();
    process.exit(exitCodes.interrupted);
  };
  crash.caught.catch(() => stop.abort());
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  // A run in the background outlives the terminal that it was left from.
  process.on("SIGHUP", command.inBackground ? () => undefined : interrupt);
  // Whoever reads our output has gone: stop as if interrupted.
  stdout.on("error", () => stop.abort());

  const pause = createPauseSwitch();
  const leaving = createLeaving();
  const leave = () => {
    leaving.want();
    stop.abort();
  };
  let keys: RunKeys = {
    ...noRunKeys,
    pause: fetches(command) ? pause : null,
    leave: mayLeave(command) ? leave : null,
  };
  const terminal: Terminal = {
    stdin,
    stdout,
    stderr,
    color: wantsColor({ flag: command.color, isTty: isatty(1), env }),
    unicode: wantsUnicode(env),
    verbosity: command.verbosity,
    interrupt,
    suspend: suspendProcess,
    onSuspendAsked,
    keys: () => keys,
  };
  const { signal } = stop;
  try {
    if (command.name === "replay") {
      const { performReplay } = await import("../commands/replay.ts");
      const open = () => openWriter(name, terminal);
      const played = performReplay({ command, host, open, live: name === "ink", signal });
      return await Promise.race([played, crash.caught]);
    }
    const writer = await openWriter(name, terminal);
    if (met !== null) {
      const { attach: meetBackground } = await import("./attach.ts");
      const terminate = () => askToStop(met.run.pid);
      const watched = () => (keys = { ...noRunKeys, end: terminate });
      const meeting = { ...met, command, host, writer, signal, terminate, watched };
      const status = await Promise.race([meetBackground(meeting), crash.caught]);
      if (status !== null) return status;
    }
    const nodePath = process.execPath;
    const common = { command, handed, host, writer, signal, crash, quit: quit.signal };
    return await performCommand({ ...common, pause, leaving, nodePath, argv });
  } finally {
    host.network.close();
  }
}

/** Its download can be paused. */
function fetches({ name }: HerosCommand): boolean {
  return name === "setup" || name === "pull";
}

/** What is said once and has no bars needs no live screen, which takes a fifth of a second to load. */
function answersInLines(command: HerosCommand): boolean {
  return command.name === "status" || (command.name === "models" && command.action === "ls");
}

/** What ends a run before it has a writer: in JSON mode it still ends in the closing record. @returns the exit status */
function complain(error: unknown, json: boolean): number {
  const closing = closingOf(error, { interrupted: false, resumeHint: "" });
  if (json) {
    process.stdout.write(`${printableJson({ v: 1, at: 0, ...closing })}\n`);
  } else if (closing.type === "run.failed") {
    const { message, hint, stack } = closing;
    const lines = [`heros: ${cleanText(message)}`, cleanText(hint)];
    process.stderr.write(`${[...lines, ...(stack === undefined ? [] : [stack])].join("\n")}\n`);
  }
  return closing.exitCode;
}

function wantsJson(argv: readonly string[]): boolean {
  return (
    argv.includes("--json") ||
    argv.includes("--output=json") ||
    argv.some((word, index) => word === "--output" && argv[index + 1] === "json")
  );
}
