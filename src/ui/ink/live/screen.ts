import type { CheckState, RunState } from "../../../run/state/state.ts";
import { formatDuration } from "../../../run/units.ts";
import { cleanText } from "../../clean-text.ts";
import { textWidth } from "../../text-width.ts";
import { notPausedText } from "../../messages/download.ts";
import { assistantOf } from "../../../run/assistant.ts";
import { capabilityTitleIn } from "../../messages/capabilities.ts";
import { healthWords, awaitedCapabilities, waitsText } from "../../messages/stack.ts";
import { remedyLine } from "../../messages/machine.ts";
import { hubWaitText } from "../../messages/run.ts";
import {
  elapsedText,
  headerLine,
  type LiveView,
  spinner,
  spinnerSign,
  stageLines,
} from "../header.ts";
import {
  blank,
  footLine,
  frameColumns,
  frameRows,
  type Line,
  lineWidth,
  linked,
  span,
} from "../line.ts";
import { isLooking } from "../log-rows.ts";
import type { Role, Theme } from "../theme.ts";
import { containerRows, indentOf, progressRows, totalRows } from "./progress-rows.ts";

/** Before what the stack can do gets rows. */
const leastModels = 4;

/**
 * The rows of the live screen, never more than fit. Each part takes what is left by those that say more: at 40 by 12
 * the keys, the bar over all and the stack still stand.
 */
export function liveScreen(view: LiveView): Line[] {
  const { state } = view;
  if (state.run === null || state.closing !== null) return [];
  const rows = frameRows(view.size);
  let room = rows;
  const take = (lines: readonly Line[]): readonly Line[] => {
    const taken = lines.slice(0, Math.max(0, room));
    room -= taken.length;
    return taken;
  };
  const header = take([headerLine({ ...view, right: elapsedText(view) })]);
  const looking = isLooking(state);
  const told = looking || !concernsHealth(state) ? [] : healthLines(view);
  const able = told.length === 0 ? [] : abilityLines(view);
  const [bar, figures] = topRows(view);
  const total = take(bar);
  const health = take(told);
  const foot = take([keyLine(view)]);
  const held = looking ? [] : take([...hubWaitRow(view), ...pausedRow(view)]);
  const stages = take(stageLines(view));
  const below = take(figures);
  // Rows between the parts: kept free on a usual screen, and on a small one what is left.
  const air = rows >= 20 ? 3 : 0;
  const body = looking
    ? take(checkRows(view, room - air))
    : bar.length === 0 || !hasBegun(state)
      ? []
      : take(progressRows(view, Math.min(room, Math.max(leastModels, room - air - able.length))));
  const abilities = take(able);
  const containers =
    health.length === 0 || state.health.online !== null
      ? []
      : take(containerRows(view, room - air));
  const gap = (): readonly Line[] => take([blank]);
  const [overFoot, overHealth, overTotal] = [gap(), health.length > 0 ? gap() : [], gap()];
  const [underTotal, top] = [body.length > 0 && total.length > 0 ? gap() : [], gap()];
  return [
    ...(rows >= 20 ? top : []),
    ...header,
    ...stages,
    ...overTotal,
    ...total,
    ...below,
    ...held,
    ...underTotal,
    ...body,
    ...overHealth,
    ...(containers.length > 0 && isSilent(state) ? [waitsLine(view)] : health),
    ...containers,
    ...abilities,
    ...overFoot,
    ...foot,
  ];
}

/** The bar over all and its figures, or what is being done before there is one. */
function topRows(view: LiveView): [Line[], Line[]] {
  const { state } = view;
  if (isLooking(state)) return [[], []];
  if (countOf(state) === 0 || !hasBegun(state)) {
    return [state.hubWait === null ? waitingRow(view) : [], []];
  }
  const [bar, ...figures] = totalRows(view);
  return [bar === undefined ? [] : [bar], figures];
}

/** That nothing moves is meant so, and what ends it. */
function pausedRow({ state, keys }: LiveView): Line[] {
  const wanted = keys.pause?.isPaused() ?? state.download.paused;
  if (!wanted || state.download.finished !== null) return [];
  const words = state.download.paused ? "Paused." : "Pausing.";
  const others = notPausedText(state);
  return [
    [
      span(keys.pause === null ? words : `${words} Press p to resume.`, "strong"),
      ...(others === "" ? [] : [span(` ${others}`)]),
    ],
  ];
}

/** Why nothing begins, when the Hub is asked next, and for how long that goes on. */
function hubWaitRow({ state: { hubWait }, elapsedMs, theme }: LiveView): Line[] {
  if (hubWait === null) return [];
  const again = formatDuration(Math.max(1, Math.ceil((hubWait.untilMs - elapsedMs) / 1000)));
  const left = formatDuration(Math.max(0, hubWait.giveUpMs - elapsedMs) / 1000);
  const words = cleanText(`${hubWaitText(hubWait)} Retrying in ${again}, for ${left} more.`);
  return [[span(`${theme.symbols.warning} `, "warning"), span(words, "warning")]];
}

/** Between two stages: what is being done, so that the screen is never still. */
function waitingRow(view: LiveView): Line[] {
  const running = view.state.stages.find(({ state }) => state === "running")?.stage;
  if (running === undefined || running === "annie") return [];
  const words = {
    machine: "Almost done checking the machine",
    plan: "Asking the Hub about the models",
    stack: view.state.command ?? "Preparing the containers",
    download: "Checking what is already downloaded",
  }[running];
  return [[span(`${spinner(view)} `, "accent"), span(words)]];
}

function countOf({ download, images }: RunState): number {
  return download.models.length + images.length;
}

function hasBegun({ download, stages }: RunState): boolean {
  return (
    download.planned !== null ||
    download.progressAt !== null ||
    stages.some(({ stage, state }) => stage === "download" && state !== "waiting")
  );
}

/** Help has them all: where columns are few the log is left to it. */
function keyLine({ size, keys: { pause, leave, end, replay } }: LiveView): Line {
  const words = [
    replay ? "q: stop the replay" : end === null ? "q: stop" : "q: detach",
    ...(pause === null ? [] : [pause.isPaused() ? "p: resume" : "p: pause"]),
    ...(leave === null ? [] : ["b: background"]),
    ...(end === null ? [] : ["s: stop"]),
    "l: log",
    "?: help",
  ];
  return footLine(
    words,
    size,
    words.filter((word) => word !== "l: log"),
  );
}

/** How the stack is and what is awaited; its address on a row of its own where columns are few. */
function healthLines(view: LiveView): Line[] {
  const { state } = view;
  const { health } = state;
  const online = health.online !== null;
  const sign = online ? span(view.theme.symbols.ok, "good") : healthSign(view);
  const who = span(` ${cleanText(assistantOf(state))}`, "strong");
  const url = cleanText(health.online?.url.replace(/\/$/, "") ?? "");
  const whole: Line = online
    ? [sign, who, span(" is online at ", "good"), linked(url, "good")]
    : [sign, who, span(` ${cleanText(healthWords(state, fitsHealth(view)))}`)];
  if (!online || lineWidth(whole) <= frameColumns(view.size)) return [whole];
  return [
    [sign, who, span(" is online", "good")],
    [span(indentOf(view)), linked(url)],
  ];
}

/** What it can do, and what still comes. */
function abilityLines(view: LiveView): Line[] {
  const { health } = view.state;
  const can = Object.entries(health.capabilities).flatMap(([name, there]) =>
    there ? [capabilityTitleIn(view.state, name)] : [],
  );
  const later = awaitedCapabilities(view.state);
  const fact = (label: string, names: readonly string[], role: Role): Line[] => {
    if (names.length === 0) return [];
    const start = `${indentOf(view)}${label}`;
    const words = fittingNames(names, frameColumns(view.size) - start.length, view.theme);
    return [[span(start, "quiet"), span(words, role)]];
  };
  return [...fact("Ready   ", can, "plain"), ...fact("Soon    ", later, "quiet")];
}

/** As many names as have room, and how many have none. */
function fittingNames(names: readonly string[], columns: number, { symbols }: Theme): string {
  const between = ` ${symbols.separator} `;
  for (let kept = names.length; kept > 0; kept -= 1) {
    const left = names.length - kept;
    const words = [...names.slice(0, kept), ...(left === 0 ? [] : [`+${left}`])].join(between);
    if (textWidth(words) <= columns) return words;
  }
  return `+${names.length}`;
}

function isSilent({ health }: RunState): boolean {
  return health.status === null || health.status === "unreachable";
}

/** The stack's first row where its containers have rows of their own. */
function waitsLine(view: LiveView): Line {
  const words = ` ${waitsText(view.state, fitsHealth(view))}`;
  return [
    healthSign(view),
    span(` ${cleanText(assistantOf(view.state))}`, "strong"),
    span(cleanText(words)),
  ];
}

/** Whether a text has room in its row, behind its name. */
function fitsHealth(view: LiveView): (text: string) => boolean {
  const room =
    frameColumns(view.size) - indentOf(view).length - textWidth(`${assistantOf(view.state)} `);
  return (text) => textWidth(text) <= room;
}

function healthSign(view: LiveView): Line[number] {
  const broken = Object.keys(view.state.failedContainers).length > 0;
  if (broken) return span(view.theme.symbols.failed, "bad");
  const begun = Object.keys(view.state.containers).length > 0 || view.state.health.status !== null;
  return begun ? span(spinnerSign(view), "accent") : span(view.theme.symbols.waiting, "quiet");
}

/** Before its stage begins there is nothing to say of it. */
function concernsHealth({ stages, health, containers }: RunState): boolean {
  const begun = stages.some(({ stage, state }) => stage === "annie" && state !== "waiting");
  return begun || health.status !== null || Object.keys(containers).length > 0;
}

const roles: Readonly<Record<CheckState["status"], Role>> = {
  ok: "good",
  warning: "warning",
  failed: "bad",
  running: "accent",
  skipped: "quiet",
};

/** The checks as they tick in; where rows are few, those that still run and those that went wrong come first. */
export function checkRows(view: LiveView, room: number): Line[] {
  const { checks } = view.state;
  const remedies = checks.filter(({ remedy }) => remedy !== null).length;
  if (checks.length + remedies <= room) return checks.flatMap((check) => checkLines(check, view));
  if (checks.length <= room) return checks.map((check) => checkLine(check, view));
  const shown = checks.toSorted((a, b) => urgency(a) - urgency(b)).slice(0, Math.max(0, room - 1));
  const more: Line = [span(`+${checks.length - shown.length} more`, "quiet")];
  return [...shown.map((check) => checkLine(check, view)), more];
}

function urgency({ status }: CheckState): number {
  return { failed: 0, running: 1, warning: 2, ok: 3, skipped: 4 }[status];
}

function checkLines(check: CheckState, view: LiveView): Line[] {
  if (check.remedy === null) return [checkLine(check, view)];
  return [checkLine(check, view), [span(`    ${cleanText(remedyLine(check.remedy))}`, "quiet")]];
}

function checkLine(check: CheckState, view: LiveView): Line {
  const sign = check.status === "running" ? spinnerSign(view) : view.theme.symbols[check.status];
  const found = check.found === "" ? "" : `: ${cleanText(check.found)}`;
  return [span(sign, roles[check.status]), span(` ${check.title}`), span(found)];
}
