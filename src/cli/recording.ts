import type { TimedEvent } from "../progress/event.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { initialState, reduce } from "../progress/state.ts";
import { sentenceFor } from "../ui/words.ts";

/** Each type of event that this heros knows; the compiler sees to it that none is left out. */
const known: Readonly<Record<TimedEvent["type"], true>> = {
  "run.started": true,
  "stage.started": true,
  "stage.finished": true,
  notice: true,
  "run.succeeded": true,
  "run.failed": true,
  "run.cancelled": true,
  "check.started": true,
  "check.finished": true,
  "machine.detected": true,
  "plan.ready": true,
  "file.written": true,
  "stack.command": true,
  "container.changed": true,
  "container.failed": true,
  "download.planned": true,
  "file.started": true,
  "download.progress": true,
  "download.retrying": true,
  "download.blocked": true,
  "download.paused": true,
  "download.resumed": true,
  "file.verified": true,
  "model.ready": true,
  "download.finished": true,
  "models.listed": true,
  "verify.progress": true,
  "file.damaged": true,
  "verify.finished": true,
  "prune.planned": true,
  "file.removed": true,
  "annie.health": true,
  "annie.online": true,
  "capability.ready": true,
  "status.read": true,
};

/**
 * The events of a recorded run. Types that this heros does not know are left out: they were added since, within version 1.
 * @throws Failure `replay.broken`, `replay.newer`, `replay.empty` (exit 2), which name file and line
 */
export function parseRecording(text: string, file: string): TimedEvent[] {
  const events: TimedEvent[] = [];
  let state = initialState;
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const place = `${file}, line ${index + 1},`;
    const event = parseLine(line, place);
    if (event === null) continue;
    try {
      state = reduce(state, event);
      sentenceFor(event, state);
    } catch (cause) {
      throw broken(place, `is not a whole ${event.type}`, cause);
    }
    events.push(event);
  }
  if (events.length > 0) return events;
  throw new Failure({
    code: "replay.empty",
    message: `${file} holds no events of a run.`,
    hint: "Records of runs are in ~/.local/state/heros/logs.",
    exitCode: exitCodes.usage,
  });
}

export function parseLine(line: string, place: string): TimedEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw broken(place, "is not JSON", cause);
  }
  if (typeof value !== "object" || value === null || !("v" in value)) {
    throw broken(place, "is no event of heros");
  }
  if (typeof value.v === "number" && value.v > 1) {
    throw new Failure({
      code: "replay.newer",
      message: `${place} is of version ${value.v}, and this heros knows version 1.`,
      hint: "Play it with a newer heros.",
      exitCode: exitCodes.usage,
    });
  }
  const { at, type } = { at: undefined, type: undefined, ...value };
  if (value.v !== 1 || typeof type !== "string" || typeof at !== "number" || !(at >= 0)) {
    throw broken(place, "is no event of heros");
  }
  return Object.hasOwn(known, type) ? (value as TimedEvent) : null;
}

function broken(place: string, what: string, cause?: unknown): Failure {
  return new Failure({
    code: "replay.broken",
    message: `${place} ${what}.`,
    hint: "Give a file of JSON lines as heros records them, or take that line out.",
    exitCode: exitCodes.usage,
    cause,
  });
}
