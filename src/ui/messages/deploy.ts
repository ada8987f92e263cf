import type { ContainerChanged, ContainerState, StackEvent } from "../../run/events/deploy.ts";
import { formatBytes, formatDuration } from "../../run/units.ts";
import type { RunState } from "../../run/state.ts";
import { say, type Sentence } from "./sentence.ts";

const written = {
  created: "Created",
  updated: "Updated",
  unchanged: "Unchanged",
} as const;

export const containerText: Readonly<Record<ContainerState, string>> = {
  pulling: "downloading its image",
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
  event: StackEvent,
  { containers }: Pick<RunState, "containers">,
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
      return say(`${event.service}: ${containerLine(event)}.`, containerTone(event));
    case "container.failed":
      return say(`Container ${event.service} failed${exitWords(event.exitCode)}.`, {
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

/** "downloading its image, 1.00 GB of 18.0 GB". */
export function containerLine(event: ContainerChanged): string {
  const words = containerText[event.state];
  const exit = event.state === "exited" ? exitWords(event.exitCode ?? null) : "";
  const progress = pullProgress(event);
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
    case "pulling":
      // How far it is would be a line a second; that nothing is heard of it is worth one.
      return event.silentMs === undefined
        ? { from: event.totalBytes === undefined ? "normal" : "verbose" }
        : { tone: "warning", from: "normal" };
    default:
      return { from: "verbose" };
  }
}
