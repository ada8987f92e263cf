import type { ContainerChanged, ContainerState, StackEvent } from "../../run/events/deploy.ts";
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
  return `${words}${exit}${event.detail === undefined ? "" : `, ${event.detail}`}`;
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
        ? { from: event.detail === undefined ? "normal" : "verbose" }
        : { tone: "warning", from: "normal" };
    default:
      return { from: "verbose" };
  }
}
