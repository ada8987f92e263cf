import type { ContainerChanged, ContainerState, StackEvent } from "../../run/events/deploy.ts";
import { formatBytes, formatDuration } from "../../run/units.ts";
import { say, type Sentence } from "./sentence.ts";

const written = {
  created: "Created",
  updated: "Changed",
  unchanged: "Left as it was",
} as const;

export const containerText: Readonly<Record<ContainerState, string>> = {
  pulling: "fetching its image",
  created: "created",
  starting: "starting",
  running: "running",
  healthy: "ready",
  unhealthy: "running, but not well",
  restarting: "starting again",
  exited: "ended",
};

export function stackSentence(event: StackEvent): Sentence {
  switch (event.type) {
    case "file.written":
      return say(`${written[event.action]}: ${event.path}`, {
        from: event.action === "unchanged" ? "verbose" : "normal",
        more:
          event.backupPath === undefined
            ? []
            : [`It was edited by hand. Your version is kept as ${event.backupPath}`],
      });
    case "stack.command":
      return say(`Running: ${event.command}`, { from: "verbose" });
    case "container.changed":
      return say(`${event.service}: ${containerLine(event)}.`, containerTone(event));
    case "container.failed":
      return say(`The container ${event.service} does not run${exitWords(event.exitCode)}.`, {
        tone: "bad",
        from: "quiet",
        mark: "failed",
        more:
          event.logLines.length === 0
            ? ["It wrote no log."]
            : ["Its last lines:", ...event.logLines.map((line) => `  ${line}`)],
      });
  }
}

/** "fetching its image, 45%". */
export function containerLine(event: ContainerChanged): string {
  const words = containerText[event.state];
  const exit = event.state === "exited" ? exitWords(event.exitCode ?? null) : "";
  const progress = pullProgress(event);
  return `${words}${exit}${progress === null ? "" : `, ${progress}`}`;
}

/** "1.00 GB of 18.0 GB", "no answer from ghcr.io for 30 s"; null where no more is known of an image. */
export function pullProgress(event: ContainerChanged): string | null {
  const { silentMs, unanswered = false, registry = "its registry" } = event;
  if (silentMs !== undefined) {
    const time = formatDuration(silentMs / 1000);
    return unanswered
      ? `no answer from ${registry} for ${time}`
      : `${registry}, for ${time} so far`;
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
