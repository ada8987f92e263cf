import type {
  HealthEvent,
  ContainerChanged,
  ContainerFailed,
  ContainerState,
  StackChosen,
  StackEvent,
} from "../../run/events/stack.ts";
import { formatBytes, formatDuration, formatSeconds } from "../../run/units.ts";
import { counted, listed, say, type Sentence, tookText } from "./sentence.ts";
import { capabilityTitleIn } from "./capabilities.ts";
import type { TimedEvent } from "../../run/event.ts";
import type { ImageNow } from "../../run/state/images-state.ts";
import type { RunState } from "../../run/state/state.ts";
import { imageTitle } from "./download.ts";

const written = {
  created: "Created",
  updated: "Updated",
  unchanged: "Unchanged",
} as const;

export const containerText: Readonly<Record<ContainerState, string>> = {
  pulling: "downloading its image",
  building: "building its image",
  built: "image built",
  created: "created",
  starting: "starting",
  running: "running",
  healthy: "ready",
  unhealthy: "running, but unhealthy",
  restarting: "restarting",
  exited: "exited",
};

/** Null where a container is as it was told to be. */
export function stackSentence(
  event: Exclude<StackEvent, StackChosen>,
  { containers, images }: Pick<RunState, "containers" | "images">,
): Sentence | null {
  switch (event.type) {
    case "file.written":
      return say(`${written[event.action]}: ${event.path}`, {
        from: event.action === "unchanged" ? "verbose" : "normal",
        more:
          event.backupPath === undefined
            ? []
            : [`You had edited it; your version is saved as ${event.backupPath}`],
      });
    case "stack.command":
      return say(`Running: ${event.command}`, { from: "verbose" });
    case "container.changed":
      if (containers[event.service]?.news === false && pullProgress(event) === null) return null;
      if (isToldByImage(event, images)) return null;
      return say(`${event.service}: ${containerLine(event)}.`, containerTone(event));
    case "container.logged":
      return say(`${event.service} | ${event.line}`, { from: "quiet" });
    case "container.failed":
      return say(`Container ${event.service} ${failedWords(event)}.`, {
        tone: "bad",
        from: "quiet",
        mark: "failed",
        more:
          event.logLines.length === 0
            ? ["Its log is empty."]
            : ["Last lines of its log:", ...event.logLines.map((line) => `  ${line}`)],
      });
  }
}

function failedWords({ state, exitCode, outOfMemory = false }: ContainerFailed): string {
  if (outOfMemory) return "ran out of memory and was killed";
  return state === "unhealthy" ? "is unhealthy" : `failed${exitWords(exitCode)}`;
}

/** "downloading its image, 1.00 GB of 18.0 GB". */
export function containerLine(event: ContainerChanged): string {
  const words = containerText[event.state];
  const exit = event.state === "exited" ? exitWords(event.exitCode ?? null) : "";
  const { step, steps } = event;
  const built = step === undefined || steps === undefined ? null : `step ${step} of ${steps}`;
  const progress = pullProgress(event) ?? built;
  return `${words}${exit}${progress === null ? "" : `, ${progress}`}`;
}

/** "1.00 GB of 18.0 GB", "nothing from ghcr.io for 30 s"; null where no more is known of an image. */
export function pullProgress(event: ContainerChanged): string | null {
  const { silentMs, unanswered = false, registry = "its registry" } = event;
  if (silentMs !== undefined) {
    const time = formatDuration(silentMs / 1000);
    return unanswered ? `nothing from ${registry} for ${time}` : `${time} so far, from ${registry}`;
  }
  const { receivedBytes, totalBytes } = event;
  if (receivedBytes === undefined || totalBytes === undefined) return null;
  return `${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)}`;
}

function exitWords(exitCode: number | null): string {
  return exitCode === null ? "" : ` (exit status ${exitCode})`;
}

function containerTone(event: ContainerChanged): Partial<Sentence> {
  switch (event.state) {
    case "healthy":
      return { tone: "good", from: "normal" };
    case "unhealthy":
    case "restarting":
      return { tone: "warning", from: "normal" };
    case "exited":
      return event.exitCode === 0 ? { from: "verbose" } : { tone: "warning", from: "normal" };
    case "building":
      return { from: "normal" };
    case "pulling":
      // How far it is would be a line a second; that nothing is heard of it is worth one.
      return event.silentMs === undefined
        ? { from: event.totalBytes === undefined ? "normal" : "verbose" }
        : { tone: "warning", from: "normal" };
    default:
      return { from: "verbose" };
  }
}

/** Null where its health changed in a way that a row shows, but no sentence. */
export function healthSentence(event: TimedEvent & HealthEvent, state: RunState): Sentence | null {
  switch (event.type) {
    case "annie.health":
      if (state.health.statusAt !== event.at) return null;
      return say(`{assistant} ${healthText(event.status)}.`, {
        from: event.status === "unreachable" ? "verbose" : "normal",
        tone: event.status === "degraded" || event.status === "unhealthy" ? "warning" : "info",
      });
    case "annie.online":
      return say(
        `{assistant} is online at ${addressWords(event.url)} after ${tookText(event.elapsedMs)}.`,
        {
          tone: "good",
          from: "quiet",
          mark: "ok",
        },
      );
    case "annie.proved":
      return event.asked === "GET /health"
        ? say("{assistant} confirmed what it can do.", { from: "verbose", mark: "ok" })
        : say(`{assistant} answered a test question in ${formatSeconds(event.elapsedMs)}.`, {
            tone: "good",
            mark: "ok",
          });
    case "capability.ready":
      return say(event.message, { tone: "good", mark: "ok" });
  }
}

/** How it is, after "the stack …". */
export function healthText(status: string): string {
  switch (status) {
    case "unreachable":
      return "is not answering yet";
    case "starting":
    case "loading":
      return "is starting";
    case "healthy":
      return "is healthy";
    case "degraded":
      return "is up, but part of it is not working";
    default:
      return `reports: ${status}`;
  }
}

/** Whether a text has room where it is to stand. */
type Fits = (text: string) => boolean;

/** Its row on the live screen, after "the stack": what is awaited, or that it is online. */
export function healthWords(state: RunState, fits?: Fits): string {
  const { health, containers, plan, stack } = state;
  if (health.online !== null) return `is online at ${addressWords(health.online.url)}`;
  if (health.status !== null && health.status !== "unreachable") {
    const missing = awaitedCapabilities({ health, plan, stack });
    const waits = health.status === "healthy" && !Object.values(health.capabilities).includes(true);
    return waits ? `is up, still loading ${listed(missing)}` : healthText(health.status);
  }
  const awaited = awaitedContainers(state);
  const images = awaitedImages(state);
  if (images.length > 0) return waitsText(state, fits);
  // The one that tells how far it is says the most.
  const tells = (event: ContainerChanged): boolean =>
    pullProgress(event) !== null || event.state === "building";
  const shown = awaited.find(tells) ?? awaited[0];
  if (shown === undefined) {
    const begun = Object.keys(containers).length > 0;
    return begun ? "is starting…" : "is about to start";
  }
  const others = awaited.length - 1;
  const more = others === 0 ? "" : ` and ${counted(others, "more container")}`;
  return `is waiting for ${shown.service} (${containerLine(shown)})${more}`;
}

/** "is waiting for …", of which as much is said as has room. */
export function waitsText(state: RunState, fits: Fits = () => true): string {
  const texts = awaitedTexts(state).map((text) => `is waiting for ${text}`);
  return texts.find(fits) ?? texts.at(-1) ?? "is starting…";
}

/** Those that do not run yet. One whose image has a row of its own is told by that. */
export function awaitedContainers({
  containers,
  images,
}: Pick<RunState, "containers" | "images">): ContainerChanged[] {
  return Object.values(containers).filter(
    (event) =>
      event.state !== "running" &&
      event.state !== "healthy" &&
      !(event.state === "exited" && event.exitCode === 0) &&
      !isToldByImage(event, images),
  );
}

/** Its image has a row, which tells how far it is, but not that nothing is heard of it. */
function isToldByImage(
  { service, state, silentMs }: ContainerChanged,
  images: RunState["images"],
): boolean {
  if (state !== "pulling" || silentMs !== undefined) return false;
  return images.some(({ services }) => services.includes(service));
}

/** Those that the stack can't start without. */
function awaitedImages({ images }: Pick<RunState, "images">): readonly ImageNow[] {
  return images.filter(({ phase, neededForOnline }) => neededForOnline && phase !== "ready");
}

/**
 * "core (unpacking), neo4j (downloading) and 2 containers": each image that is missing and what happens to it, those first that
 * came furthest. Shorter ones after it leave out what rows of their own say: the containers, then what happens to the images.
 */
function awaitedTexts(state: Pick<RunState, "containers" | "images" | "download">): string[] {
  const phases = ["unpacking", "downloading", "waiting"];
  const images = awaitedImages(state)
    .toSorted((a, b) => phases.indexOf(a.phase) - phases.indexOf(b.phase))
    .map(({ image, phase, way }) => ({
      title: imageTitle(image, state.images),
      phase: isHeld({ phase, way }, state) ? "paused" : phase,
    }));
  const containers = awaitedContainers(state).length;
  const rest = containers === 0 ? [] : [counted(containers, "container")];
  if (images.length === 0) return rest;
  const titles = images.map(({ title }) => title);
  const told = images.map(({ title, phase }) =>
    phase === "waiting" ? title : `${title} (${phase})`,
  );
  const some = titles.slice(1).map((_, left) => {
    const kept = titles.length - 1 - left;
    return [...titles.slice(0, kept), counted(left + 1, "more image")];
  });
  const count = [counted(images.length, "image"), ...rest];
  return [[...told, ...rest], told, [...titles, ...rest], titles, ...some, count].map(listed);
}

/** A pause holds what heros downloads, and not what Docker pulls itself or unpacks. */
function isHeld(
  { phase, way }: Pick<ImageNow, "phase" | "way">,
  { download }: Pick<RunState, "download">,
): boolean {
  return download.paused && phase === "downloading" && way !== "pull";
}

/** What it can't do yet and will be able to: what nobody chose is not awaited. */
export function awaitedCapabilities(state: Pick<RunState, "health" | "plan" | "stack">): string[] {
  const { health, plan } = state;
  return Object.entries(health.capabilities)
    .filter(([name, there]) => !there && (plan?.capabilities?.includes(name) ?? true))
    .map(([name]) => capabilityTitleIn(state, name));
}

/** As it is typed into a browser. */
function addressWords(url: string): string {
  return url.replace(/\/$/, "");
}
