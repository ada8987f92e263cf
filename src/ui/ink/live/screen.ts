import type { RunState } from "../../../progress/state.ts";
import { formatDuration } from "../../../progress/units.ts";
import { hubWaitWords } from "../../words/run.ts";
import { cleanText } from "../../legible.ts";
import { notPausedWords } from "../../words/download.ts";
import { frameColumns, frameRows } from "../frame-size.ts";
import { footLine } from "../foot.ts";
import { blank, span, type Line } from "../line.ts";
import { isLooking } from "../scrolled.ts";
import { annieLines } from "./annie.ts";
import { checkRows } from "./checks.ts";
import type { LiveView } from "./view.ts";
import { elapsedWords, headerLine, spinner, stageLines } from "./header.ts";
import { modelRows, totalRows } from "./models.ts";

/** The rows of the live screen, never more than fit; what has the least to say goes first. */
export function liveScreen(view: LiveView): Line[] {
  const { state } = view;
  if (state.run === null || state.closing !== null) return [];
  const rows = frameRows(view.size);
  const roomy = rows >= 20;
  const head = [
    ...(roomy ? [blank] : []),
    headerLine({ ...view, right: elapsedWords(view) }),
    ...stageLines(view),
  ];
  const foot: Line[] = rows >= 12 ? [blank, keyLine(view)] : [];
  const airy = rows >= 16;
  const body = bodyRows(view, rows - head.length - foot.length - (airy ? 1 : 0), airy);
  const lines = [...head, ...(airy ? [blank] : []), ...body, ...foot];
  return lines.slice(0, rows);
}

function bodyRows(view: LiveView, room: number, airy: boolean): Line[] {
  const { state } = view;
  if (isLooking(state)) return checkRows(view, room);
  const annie = annieLines(view);
  const models = state.download.models;
  if (models.length === 0 || !hasBegun(state)) {
    const waiting = view.state.hubWait === null ? waitingRow(view) : hubWaitRow(view);
    return [...waiting, ...(annie.length > 0 && airy ? [blank] : []), ...annie].slice(0, room);
  }
  const gap = airy && annie.length > 0 ? [blank] : [];
  const total = [...totalRows(view, airy), ...hubWaitRow(view), ...pausedRow(view)];
  const forModels = Math.max(1, room - annie.length - gap.length - total.length);
  return [...modelRows(view, forModels), ...total, ...gap, ...annie];
}

/** That nothing moves is meant so, and what ends it. */
function pausedRow({ state, keys, theme }: LiveView): Line[] {
  const wanted = keys.pause?.isPaused() ?? state.download.paused;
  if (!wanted || state.download.finished !== null) return [];
  const words = state.download.paused ? "Paused." : "Pausing.";
  const others = notPausedWords(state);
  return [
    [
      span(`${theme.signs.warning} `, "warning"),
      span(keys.pause === null ? words : `${words} p goes on.`, "strong"),
      ...(others === "" ? [] : [span(` ${others}`)]),
    ],
  ];
}

/** Why nothing begins, when the Hub is asked next, and for how long that goes on. */
function hubWaitRow({ state: { hubWait }, elapsedMs, theme }: LiveView): Line[] {
  if (hubWait === null) return [];
  const again = formatDuration(Math.max(1, Math.ceil((hubWait.untilMs - elapsedMs) / 1000)));
  const left = formatDuration(Math.max(0, hubWait.giveUpMs - elapsedMs) / 1000);
  const words = cleanText(`${hubWaitWords(hubWait.reason)} Again in ${again}, for ${left} more.`);
  return [[span(`${theme.signs.warning} `, "warning"), span(words, "warning")]];
}

/** Between two stages: what is being done, so that the screen is never still. */
function waitingRow(view: LiveView): Line[] {
  const running = view.state.stages.find(({ state }) => state === "running")?.stage;
  if (running === undefined || running === "annie") return [];
  const words = {
    machine: "Almost done looking",
    plan: "Asking the Hub about the models",
    stack: view.state.command ?? "Preparing Annie's containers",
    download: "Looking at what is here already",
  }[running];
  return [[span(`${spinner(view)} `, "accent"), span(words)]];
}

function hasBegun({ download, stages }: RunState): boolean {
  return (
    download.planned !== null ||
    download.progressAt !== null ||
    stages.some(({ stage, state }) => stage === "download" && state !== "waiting")
  );
}

/** Where columns are few the first keys are the ones to know; help has them all. */
function keyLine({ state: { run }, size, keys }: LiveView): Line {
  const { pause, leave, end } = keys;
  const wide = frameColumns(size) >= 70;
  const again =
    run === null || run.demo || !run.stages.includes("download") || !wide || leave !== null
      ? ""
      : ` (heros ${run.command} goes on from there)`;
  const words = [
    end === null ? `q: stop${again}` : "q: look away",
    ...(pause === null ? [] : [pause.isPaused() ? "p: go on" : "p: pause"]),
    ...(leave === null ? [] : [wide ? "b: leave it in the background" : "b: background"]),
    ...(end === null ? [] : ["s: stop it"]),
    "l: log",
    "?: help",
  ];
  return footLine(
    words,
    size,
    words.filter((word) => word !== "l: log"),
  );
}
