import type { BackgroundSeen, StatusRead } from "../../run/events/status.ts";
import { formatBytes } from "../../run/units.ts";
import { capabilityName } from "../../run/capabilities.ts";
import { progressText } from "./download.ts";
import { modelStateText } from "./cache.ts";
import { stageBeginnings } from "./run.ts";
import { counted, listed, say, tookText, type Sentence } from "./sentence.ts";

/** How Annie is, what she can do, and what is still coming. */
export function statusSentence(event: StatusRead): Sentence {
  const { capabilities, lacking } = event;
  const able = Object.keys(capabilities).filter((name) => capabilities[name] === true);
  const mark = {
    online: "ok",
    degraded: "warning",
    starting: "warning",
    absent: "failed",
  } as const;
  return say(annieLine(event), {
    from: "quiet",
    mark: mark[event.annie],
    tone: event.annie === "online" ? "good" : "warning",
    more: [
      ...(able.length === 0 ? [] : [`She can do: ${listed(able.map(capabilityName))}`]),
      ...(lacking.length === 0 || event.annie === "absent"
        ? []
        : [`Still to come: ${listed(lacking.map(capabilityName))}`]),
      ...loadingLines(event),
      ...modelLines(event),
      ...(event.interrupted && !isToldOfBackground(event)
        ? ["An earlier setup was not finished; heros setup goes on where it stopped."]
        : []),
      ...(event.background === null ? [] : backgroundLines(event.background)),
    ],
  });
}

/** What became of that setup, or that another run is at work on the same models, stands in the lines below. */
function isToldOfBackground({ background }: StatusRead): boolean {
  return background?.state === "running" || background?.command === "setup";
}

function annieLine({ annie, url, health }: StatusRead): string {
  switch (annie) {
    case "online":
      return `Annie is online at ${url}.`;
    case "starting":
      return `Annie is starting at ${url}.`;
    case "degraded":
      return `Annie answers at ${url}, but part of her does not work (${health}).`;
    case "absent":
      return health === "unreachable"
        ? `Annie does not answer at ${url}.`
        : `Something answers at ${url}, but not as Annie does.`;
  }
}

function loadingLines({ loading }: StatusRead): string[] {
  const open = Object.entries(loading).filter(([, { status }]) => status !== "ready");
  return open.map(
    ([name, { status, progress }]) =>
      `Annie's ${name}: ${status}${progress === undefined ? "" : `, ${progress}`}`,
  );
}

function modelLines({ models, cacheDir, receivedBytes, totalBytes }: StatusRead): string[] {
  const open = models.filter(({ state }) => state !== "here");
  if (open.length === 0) {
    return [`Models: all ${counted(models.length, "model")} here, ${formatBytes(totalBytes)}`];
  }
  const bytes =
    totalBytes === 0 ? "" : `, ${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)}`;
  return [
    `Models: ${models.length - open.length} of ${models.length} are here${bytes}, in ${cacheDir}`,
    ...open.map((model) => `${model.title}: ${modelStateText(model)}`),
  ];
}

function backgroundLines(seen: BackgroundSeen): string[] {
  const { command, pid, state, closing, elapsedSeconds, stage, progress } = seen;
  switch (state) {
    case "running":
      return [
        `In the background: heros ${command}, process ${pid}, for ${tookText((elapsedSeconds ?? 0) * 1000)}`,
        ...(stage === null ? [] : [`  ${stageBeginnings[stage]}`]),
        ...(progress === null ? [] : [`  Models: ${progressText(progress)}`]),
        "  Look at it, or stop it: heros status --watch",
      ];
    case "ended":
      return closing === null ? [] : [`In the background: ${endWords(command, closing)}`];
    case "lost":
      return [
        `In the background: heros ${command} was cut short. Run it again: it goes on where it stopped.`,
      ];
  }
}

function endWords(command: string, closing: NonNullable<BackgroundSeen["closing"]>): string {
  switch (closing.type) {
    case "run.succeeded":
      return `heros ${command} is done, in ${tookText(closing.elapsedMs)}.`;
    case "run.failed":
      return `heros ${command} failed. ${closing.message} ${closing.hint}`;
    case "run.cancelled":
      return `heros ${command} was stopped. ${closing.hint}`;
  }
}
