import { z } from "zod";
import type { ImageProgress, DownloadProgress } from "../run/events/download.ts";
import type { Stage } from "../run/events/run.ts";
import type { BackgroundSeen } from "../run/events/reports.ts";
import { parseJson } from "../run/json.ts";
import { readBootId } from "../host/process-table.ts";
import { writeAtomically } from "../host/text-files.ts";
import { followRecord, lastEvents } from "./read-record.ts";
import { backgroundFile, readState } from "./state-dir.ts";
import type { Host } from "../host/host.ts";
import { type BackgroundChoice, runningText } from "../run/run-control.ts";
import { type ClosingEvent, isClosing, type TimedEvent } from "../run/event.ts";
import { exitCodes } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";

const shape = z.object({
  version: z.literal(1),
  pid: z.int().positive(),
  /** When the kernel started it, in ticks since the machine did: a number that a later process of the same id does not have. */
  startTicks: z.string(),
  bootId: z.string(),
  command: z.enum(["setup", "pull"]),
  /** As it was typed; never a token. */
  argv: z.array(z.string()),
  /** ISO 8601. */
  startedAt: z.string(),
  /** Its events, as JSON lines. */
  record: z.string(),
});

/** A run that a person left in the background, as the state folder remembers it. */
export type BackgroundRun = Omit<z.infer<typeof shape>, "version">;

type Doors = Pick<Host, "files">;

/** The run that was left in the background last, whatever became of it; null where there is none. */
export async function recallBackground(
  { files }: Doors,
  stateDir: string,
): Promise<BackgroundRun | null> {
  const text = await readState(files, backgroundFile(stateDir));
  return shape.safeParse(parseJson(text)).data ?? null;
}

/** @throws Node's errors */
export async function rememberBackground(
  host: Pick<Host, "files" | "pid" | "random">,
  stateDir: string,
  run: BackgroundRun,
): Promise<void> {
  const content = `${JSON.stringify({ version: 1, ...run })}\n`;
  const path = backgroundFile(stateDir);
  await writeAtomically({ host, path, content, mode: 0o600, durable: false });
}

/** Has this process found as a run in the background, which nobody left there. A state folder that can't be written is no reason to stop. */
export async function rememberOwnRun(
  host: Pick<Host, "files" | "pid" | "random" | "clock">,
  stateDir: string,
  own: Pick<BackgroundRun, "command" | "argv" | "record">,
): Promise<void> {
  const marks = await processMarks(host, host.pid);
  if (marks === null) return;
  const startedAt = host.clock.now().toISOString();
  const run = { ...own, ...marks, pid: host.pid, startedAt };
  await rememberBackground(host, stateDir, run).catch(() => {});
}

export async function forgetBackground({ files }: Doors, stateDir: string): Promise<void> {
  await files.rm(backgroundFile(stateDir), { force: true }).catch(() => undefined);
}

/** Whether that very process still runs: neither ended, nor of another start of the machine, nor another with its id. */
export async function isAlive({ files }: Doors, run: BackgroundRun): Promise<boolean> {
  const [now, bootId] = await Promise.all([processNow({ files }, run.pid), readBootId(files)]);
  return now !== null && now.startTicks === run.startTicks && bootId === run.bootId;
}

/** What tells a process from every other: null where it has ended. */
export async function processMarks(
  doors: Doors,
  pid: number,
): Promise<Pick<BackgroundRun, "startTicks" | "bootId"> | null> {
  const now = await processNow(doors, pid);
  return now === null ? null : { ...now, bootId: await readBootId(doors.files) };
}

/** proc(5): the third field of `stat` is the state, the 22nd the start; the name before them may hold anything. */
async function processNow({ files }: Doors, pid: number): Promise<{ startTicks: string } | null> {
  const stat = await files.readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state = "Z"] = fields;
  const startTicks = fields[19];
  return "ZX".includes(state) || startTicks === undefined ? null : { startTicks };
}

/** The run that was left in the background last, how far it is or how it ended; null where there is none. */
export async function seeBackground(
  host: Pick<Host, "files" | "clock">,
  stateDir: string,
): Promise<BackgroundSeen | null> {
  const run = await recallBackground(host, stateDir);
  if (run === null) return null;
  // Before its record is read: what ends meanwhile has said so by then.
  const alive = await isAlive(host, run);
  const events = await lastEvents(host, run.record);
  const closing = events.findLast((event) => isClosing(event)) ?? null;
  const progress = events.findLast((event) => event.type === "download.progress") ?? null;
  const { command, pid, startedAt, record } = run;
  const ranSeconds = (host.clock.now().getTime() - Date.parse(startedAt)) / 1000;
  return {
    command,
    pid,
    startedAt,
    record,
    state: closing === null ? (alive ? "running" : "lost") : "ended",
    elapsedSeconds: closing === null && alive ? Math.max(0, Math.round(ranSeconds)) : null,
    stage: closing === null && alive ? stageOf(events) : null,
    progress: progress === null ? null : figures(progress),
    ...(closing === null && alive ? { images: comingImages(events) } : {}),
    closing,
  };
}

/** The stack starts beside the download: as long as that goes on it is what is told. */
function stageOf(events: readonly TimedEvent[]): Stage | null {
  const last = events.findLast(
    (event) =>
      event.type === "download.progress" ||
      event.type === "download.finished" ||
      event.type === "stage.started",
  );
  if (last?.type === "stage.started") return last.stage;
  return last === undefined ? null : last.type === "download.progress" ? "download" : "annie";
}

/** What the newest events tell of images that are not ready. */
function comingImages(events: readonly TimedEvent[]): Omit<ImageProgress, "type">[] {
  const coming = new Map<string, Omit<ImageProgress, "type">>();
  for (const event of events) {
    if (event.type === "image.ready") coming.delete(event.image);
    if (event.type !== "image.progress") continue;
    const { image, phase, receivedBytes, totalBytes } = event;
    coming.set(image, { image, phase, receivedBytes, totalBytes });
  }
  return [...coming.values()].toSorted((a, b) => (a.image < b.image ? -1 : 1));
}

function figures(progress: DownloadProgress): BackgroundSeen["progress"] {
  const { receivedBytes, totalBytes, bytesPerSecond, etaSeconds } = progress;
  return { receivedBytes, totalBytes, bytesPerSecond, etaSeconds };
}

export interface Attach {
  readonly host: Host;
  readonly run: BackgroundRun;
  /** Where it is remembered. */
  readonly stateDir: string;
  readonly signal: AbortSignal;
  /** Look at it, stop it and go on here, leave everything as it is, or wait for its end. */
  readonly choose: () => Promise<BackgroundChoice | "await">;
  readonly show: (event: TimedEvent) => void;
  /** Asks a process to stop. */
  readonly terminate: (pid: number) => void;
}

const stopLimitMs = 30_000;
const lookMs = 50;
const awaitMs = 500;

/**
 * Shows the run in the background from its record until it ends, stops it, or leaves everything as it is. An interruption
 * leaves it alone.
 * @returns the closing event, shown; null where the command is to go on, because that run has ended
 * @throws Failure `background.still_running` (exit 1)
 */
export async function attach(request: Attach): Promise<ClosingEvent | null> {
  const { run, signal, show } = request;
  try {
    switch (await request.choose()) {
      case "watch":
        return await follow(request);
      case "stop":
        await stop(request);
        return null;
      case "await":
        await awaitEnd(request);
        return null;
      case "quit":
        return close(lookedAway(run));
    }
  } catch (error) {
    if (signal.aborted) return close(lookedAway(run));
    throw error;
  }

  function close(closing: ClosingEvent): ClosingEvent {
    show({ v: 1, at: 0, ...closing });
    return closing;
  }
}

async function follow({ host, run, signal, show }: Attach): Promise<ClosingEvent> {
  let at = 0;
  const isWritten = (): Promise<boolean> => isAlive(host, run);
  for await (const event of followRecord({ host, record: run.record, isWritten, signal })) {
    ({ at } = event);
    show(event);
    if (isClosing(event)) return event;
  }
  const closing = signal.aborted ? lookedAway(run) : lost(run);
  show({ v: 1, at, ...closing });
  return closing;
}

/** Other work comes first; two runs would fetch in each other's way. */
async function awaitEnd({ host, run, stateDir, signal, show }: Attach): Promise<void> {
  const message = `${runningText(run)} Waiting for it to finish.`;
  show({ v: 1, at: 0, type: "notice", level: "info", code: "background.awaited", message });
  while (await isAlive(host, run)) await host.clock.sleep(awaitMs, signal);
  await forgetBackground(host, stateDir);
}

async function stop({ host, run, stateDir, signal, terminate }: Attach): Promise<void> {
  terminate(run.pid);
  const limitMs = host.clock.monotonicMs() + stopLimitMs;
  while (await isAlive(host, run)) {
    if (host.clock.monotonicMs() > limitMs) throw failure("background.still_running", run);
    await host.clock.sleep(lookMs, signal);
  }
  await forgetBackground(host, stateDir);
}

/** How it ends where the person does not want to look any longer, or not at all. */
function lookedAway({ pid }: BackgroundRun): ClosingEvent {
  return {
    type: "run.cancelled",
    exitCode: exitCodes.interrupted,
    hint: "To follow it again: heros status --watch",
    background: { pid },
  };
}

function lost(run: BackgroundRun): ClosingEvent {
  const { code, message, hint, exitCode } = failure("background.lost", run);
  return { type: "run.failed", code, message, hint, exitCode };
}
