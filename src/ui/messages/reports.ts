import type {
  BackgroundSeen,
  ListedImage,
  ReleaseEvent,
  StatusRead,
} from "../../run/events/reports.ts";
import { formatBytes, formatSpeed } from "../../run/units.ts";
import type { RunState } from "../../run/state/state.ts";
import { capabilityTitleIn } from "./capabilities.ts";
import { progressText, imagePhaseText, imageTitle, timesText } from "./download.ts";
import { modelStateText } from "./cache.ts";
import { stageBeginning } from "./run.ts";
import { counted, listed, say, type Sentence, tookText } from "./sentence.ts";

/** How the stack is, what it can do, and what is still downloading. */
export function statusSentence(event: StatusRead, state: Pick<RunState, "stack">): Sentence {
  const titles = (names: readonly string[]) =>
    listed(names.map((name) => capabilityTitleIn(state, name)));
  const { capabilities, lacking } = event;
  const able = Object.keys(capabilities).filter((name) => capabilities[name] === true);
  const mark = {
    online: "ok",
    degraded: "warning",
    starting: "warning",
    absent: "failed",
  } as const;
  const { stackDir, stacks = 1 } = event;
  const line = stackLine(event);
  return say(stacks > 1 && stackDir !== undefined ? `${stackDir}: ${line}` : line, {
    from: "quiet",
    mark: isNotSetUp(event) ? null : mark[event.annie],
    tone: event.annie === "online" ? "good" : "warning",
    more: [
      ...(able.length === 0 ? [] : [`Ready: ${titles(able)}`]),
      ...(lacking.length === 0 || event.annie === "absent"
        ? []
        : [`Not ready yet: ${titles(lacking)}`]),
      ...loadingLines(event),
      ...modelLines(event),
      ...imageLines(event),
      ...(event.interrupted && !isToldOfBackground(event)
        ? ["An earlier setup did not finish. Run heros setup to continue it."]
        : []),
      ...(event.background === null ? [] : backgroundLines(event.background)),
    ],
  });
}

/** Nobody answers, and nobody could. */
export function isNotSetUp({ annie, health, setUp }: StatusRead): boolean {
  return annie === "absent" && health === "unreachable" && setUp === false;
}

/** What became of that setup, or that another run downloads the same models, stands in the lines below. */
function isToldOfBackground({ background }: StatusRead): boolean {
  return background?.state === "running" || background?.command === "setup";
}

function stackLine(event: StatusRead): string {
  const { annie: standing, url, health } = event;
  if (isNotSetUp(event)) return `{assistant} is not set up yet: nothing answers at ${url}.`;
  switch (standing) {
    case "online":
      return `{assistant} is online at ${url}.`;
    case "starting":
      return `{assistant} is starting at ${url}.`;
    case "degraded":
      return `{assistant} is up at ${url}, but part of it is not working (${health}).`;
    case "absent":
      return health === "unreachable"
        ? `{assistant} is not answering at ${url}.`
        : `Something else is answering at ${url}, not {assistant}.`;
  }
}

function loadingLines({ loading }: StatusRead): string[] {
  const open = Object.entries(loading).filter(([, { status }]) => status !== "ready");
  return open.map(
    ([name, { status, progress }]) =>
      `Loading ${name}: ${status}${progress === undefined ? "" : `, ${progress}`}`,
  );
}

function modelLines(event: StatusRead): string[] {
  const { models, tiers, cacheDir, receivedBytes, totalBytes } = event;
  const chosen = `Models of ${tiers.length === 1 ? "set" : "sets"} ${listed(tiers.map(String))}`;
  const open = models.filter(({ state }) => state !== "here" && state !== "baked");
  if (open.length === 0) {
    const baked = models.filter(({ state }) => state === "baked").length;
    const ready = baked === 0 ? "downloaded" : `ready (${baked} in the image)`;
    return [`${chosen}: all ${models.length} ${ready}, ${formatBytes(totalBytes)}`];
  }
  const bytes =
    totalBytes === 0 ? "" : `, ${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)}`;
  return [
    `${chosen}: ${models.length - open.length} of ${models.length} downloaded${bytes}, in ${cacheDir}`,
    ...open.map((model) => `${model.title}: ${modelStateText(model)}`),
  ];
}

function imageLines({ images = [] }: StatusRead): string[] {
  if (images.length === 0) return [];
  const open = images.filter(({ state }) => state !== "here");
  if (open.length === 0) return [`Images of its services: Docker has all ${images.length}`];
  if (open.every(({ state }) => state === "unknown")) {
    return [`Images of its services: ${images.length}; Docker does not answer`];
  }
  return [
    `Images of its services: Docker has ${images.length - open.length} of ${images.length}`,
    ...open.map((each) => `Image ${imageTitle(each.image, images)}: ${imageStateText(each)}`),
  ];
}

function imageStateText({ state, receivedBytes, totalBytes }: ListedImage): string {
  const total = totalBytes === null ? "size unknown" : formatBytes(totalBytes);
  switch (state) {
    case "here":
      return "ready";
    case "stored":
      return `downloaded, ${total}, not in Docker yet`;
    case "partly":
      return `${formatBytes(receivedBytes)} of ${total} downloaded`;
    case "missing":
    case "unknown":
      return `not downloaded, ${total}`;
  }
}

function backgroundLines(seen: BackgroundSeen): string[] {
  const { command, pid, state, closing, elapsedSeconds, stage, progress, images = [] } = seen;
  switch (state) {
    case "running":
      return [
        `In the background: heros ${command} (PID ${pid}), running for ${tookText((elapsedSeconds ?? 0) * 1000)}`,
        ...(stage === null ? [] : [`  ${stageBeginning(stage, { images })}`]),
        ...comingLines({ progress, images }).map((line) => `  ${line}`),
        "  Watch or stop it: heros status --watch",
      ];
    case "ended":
      return closing === null ? [] : [`In the background: ${endWords(command, closing)}`];
    case "lost":
      return [`In the background: heros ${command} was interrupted. Run it again to continue.`];
  }
}

/** Speed and time are those of all that comes: of the models alone where no image does. */
function comingLines({
  progress,
  images = [],
}: Pick<BackgroundSeen, "progress" | "images">): string[] {
  const lines = images.map(
    (each) => `Image ${imageTitle(each.image, images)}: ${imagePhaseText(each)}`,
  );
  if (progress === null) return lines;
  if (lines.length === 0) return [`Models: ${progressText(progress)}`];
  const { bytesPerSecond, etaSeconds } = progress;
  const left = timesText({ etaSeconds }, "about ");
  const total = [formatSpeed(bytesPerSecond), ...(left === null ? [] : [left])].join(", ");
  const models = progressText({ ...progress, bytesPerSecond: null, etaSeconds: null });
  return [`Models: ${models}`, ...lines, ...(bytesPerSecond < 1 ? [] : [`Total: ${total}`])];
}

function endWords(command: string, closing: NonNullable<BackgroundSeen["closing"]>): string {
  switch (closing.type) {
    case "run.succeeded":
      return `heros ${command} finished in ${tookText(closing.elapsedMs)}.`;
    case "run.failed":
      return `heros ${command} failed. ${closing.message} ${closing.hint}`;
    case "run.cancelled":
      return `heros ${command} was stopped. ${closing.hint}`;
  }
}

export function releaseSentence(event: ReleaseEvent): Sentence {
  switch (event.type) {
    case "upgrade.checked": {
      const { current, latest } = event;
      return current === latest
        ? say(`heros ${current} is already installed.`)
        : say(`Installed: heros ${current}. Available: heros ${latest}.`);
    }
    case "upgrade.changes": {
      const { from, to, lines, omitted } = event;
      const more = omitted === 0 ? [] : [`… and ${counted(omitted, "more line")}`];
      return say(`Changes from heros ${from} to ${to}:`, {
        more: [...lines.map((line) => line.replaceAll("`", "")), ...more],
      });
    }
    case "version.read": {
      const { version, platform, commit, folder, channel } = event;
      return say(`heros ${version} (${platform})`, {
        from: "quiet",
        more: [
          ...(commit === null ? [] : [`Commit:    ${commit}`]),
          `Installed: ${folder}`,
          `Channel:   ${channel === "checkout" ? "none, built from a checkout" : channel}`,
        ],
      });
    }
  }
}
