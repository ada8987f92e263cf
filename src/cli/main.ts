import { readFile } from "node:fs";
import { isatty } from "node:tty";
import { promisify } from "node:util";
import { handoverDescriptor, tokenVariables } from "../host/processes.ts";
import { realHost } from "../host/real-host.ts";
import {
  createDetachRequest,
  type Handover,
  noHandover,
  parseHandover,
} from "../record/handover.ts";
import { withName } from "../run/assistant.ts";
import { exitCodes } from "../run/failure.ts";
import { createPauseSwitch } from "../run/run-control.ts";
import { printableJson } from "../run/json.ts";
import { settingFlags } from "../plan/settings.ts";
import { quoted } from "../run/shell-quote.ts";
import { cleanText } from "../ui/clean-text.ts";
import { noRunKeys, type RunKeys, type Terminal, type Writer } from "../ui/writer.ts";
import {
  type Crash,
  onSuspendAsked,
  suspendProcess,
  watchForCrash,
  closingOf,
} from "./run-lifecycle.ts";
import { herosVersion, hostFacts, shippedPath } from "./host-facts.ts";
import {
  chooseWriter,
  openWriter,
  terminalFeatures,
  wantsColor,
  wantsUnicode,
} from "./open-writer.ts";
import { parseArguments, type HerosCommand } from "./parse-arguments.ts";
import { dispatchCommand } from "./dispatch-command.ts";
import { attachTo, canDetach, findRunningFor, terminate } from "./attach-to-background.ts";

/** The whole program, from the arguments to the exit status. The one place that reads `process`, and the one that exits. */
export async function main(): Promise<void> {
  process.exit(await answer(process.argv.slice(2)));
}

async function answer(words: readonly string[]): Promise<number> {
  const argv = words.length === 0 ? await unsaid().catch(() => []) : words;
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
    const { command } = parsed;
    if (command.name === "completion" && command.output !== "json") {
      const { completionScript } = await import("./completion.ts");
      process.stdout.write(await completionScript(command.shell));
      return exitCodes.done;
    }
    return await perform(command, argv, crash);
  } catch (error) {
    return complain(error, wantsJson(argv));
  }
}

/** What is meant without a word: to continue a setup that did not finish, where that can be asked; else the help. */
async function unsaid(): Promise<readonly string[]> {
  const host = realHost(hostFacts(process, process.env));
  const [{ recallAnswers }, { stateDirOf }] = await Promise.all([
    import("../commands/remembered-answers.ts"),
    import("../record/state-dir.ts"),
  ]);
  const { earlier, given } = await recallAnswers(host, stateDirOf(host));
  if (earlier !== "interrupted") return [];
  const words = ["setup", ...settingFlags(given)];
  if (isatty(0) && isatty(1)) return words;
  const command = ["heros", ...words.map(quoted)].join(" ");
  process.stdout.write(
    `An earlier setup did not finish. To continue it: ${cleanText(command)}\n\n`,
  );
  return [];
}

async function perform(
  command: HerosCommand,
  argv: readonly string[],
  crash: Crash,
): Promise<number> {
  const { stdin, stdout, stderr } = process;
  const handover = command.inBackground ? await readHandover() : noHandover;
  const env = { ...process.env, ...handover.env };
  // What a library starts by itself inherits none either.
  for (const name of tokenVariables) delete process.env[name];
  const host = realHost(hostFacts(process, env));
  const running = await findRunningFor(host, command);
  const name = chooseWriter({
    output: command.output,
    answersInLines: running === null && answersInLines(command),
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
  const detach = createDetachRequest();
  const leave = () => {
    detach.make();
    stop.abort();
  };
  let keys: RunKeys = {
    ...noRunKeys,
    pause: fetches(command) ? pause : null,
    leave: canDetach(command) ? leave : null,
    replay: command.name === "replay",
  };
  const color = wantsColor({ flag: command.color, isTty: isatty(1), env });
  const features = terminalFeatures({ isTty: isatty(1), color, env });
  const terminal: Terminal = {
    stdin,
    stdout,
    stderr,
    color,
    unicode: wantsUnicode(env),
    // A replay is no run: the window keeps its title.
    features: command.name === "replay" ? { ...features, title: false, progress: false } : features,
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
      const { file, speed } = command;
      const played = performReplay({ host, file, speed, open, live: name === "ink", signal });
      return await Promise.race([played, crash.caught]);
    }
    const writer =
      command.name === "push" && name === "ink"
        ? await openAfterLogin(terminal)
        : await openWriter(name, terminal);
    if (running !== null) {
      const onWatch = () => (keys = { ...noRunKeys, end: () => terminate(running.run.pid) });
      const attached = attachTo({ ...running, command, host, writer, signal, onWatch });
      const status = await Promise.race([attached, crash.caught]);
      if (status !== null) return status;
    }
    const { execPath: nodePath, execArgv } = process;
    const program = { command: nodePath, args: [...execArgv, shippedPath("bin/heros.js")] };
    const common = { command, handover, host, writer, signal, crash, quit: quit.signal };
    return await dispatchCommand({ ...common, pause, detach, nodePath, program, argv });
  } finally {
    host.network.close();
  }
}

/** ssh asks on the terminal itself, before there is a screen. */
async function openAfterLogin(terminal: Terminal): Promise<Writer> {
  const { lateScreen } = await import("./late-screen.ts");
  return lateScreen({
    lines: await openWriter("plain", terminal),
    openScreen: () => openWriter("ink", terminal),
    isTime: ({ type }) => type === "remote.checked",
  });
}

/** What the run that this one goes on for handed over; a pipe of Node's own can't be opened by a path in /dev. */
async function readHandover(): Promise<Handover> {
  const text = await promisify(readFile)(handoverDescriptor, "utf8").catch(() => "");
  return parseHandover(text);
}

/** Its download can be paused. */
function fetches({ name }: HerosCommand): boolean {
  return name === "setup" || name === "pull";
}

const lineCommands: ReadonlySet<HerosCommand["name"]> = new Set([
  "status",
  "up",
  "down",
  "restart",
  "logs",
  "open",
  "report",
  "serve",
  "release",
  "upgrade",
  "uninstall",
  "version",
]);

/** What is said once and has no bars needs no live screen, which takes a fifth of a second to load. Nor does an update, which asks below what it shows. */
function answersInLines(command: HerosCommand): boolean {
  const { name } = command;
  if (lineCommands.has(name)) return true;
  if (name !== "models") return false;
  return command.action === "ls" || (command.action === "update" && !command.yes);
}

/** What ends a run before it has a writer: in JSON mode it still ends in the closing record. @returns the exit status */
function complain(error: unknown, json: boolean): number {
  const closing = closingOf(error, { interrupted: false, resumeHint: "" });
  if (json) {
    process.stdout.write(`${printableJson({ v: 1, at: 0, ...closing })}\n`);
  } else if (closing.type === "run.failed") {
    const { message, hint, stack } = closing;
    const lines = [`heros: ${cleanText(withName(message, null))}`, cleanText(withName(hint, null))];
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
