import type { HealthEvent, StackEvent } from "./events/stack.ts";
import type { DownloadEvent, ImageEvent } from "./events/download.ts";
import type { MachineEvent } from "./events/machine.ts";
import type { ModelsEvent } from "./events/cache.ts";
import type { PlanEvent } from "./events/plan.ts";
import type { CatalogEvent } from "./events/catalog.ts";
import type { ReleaseEvent, StatusEvent } from "./events/reports.ts";
import type { ServeEvent } from "./events/serve.ts";
import type { PushEvent } from "./events/push.ts";
import type { RunEvent } from "./events/run.ts";

/** Everything a stage can say. The JSON lines are these, with `v` and `at`. */
export type HerosEvent =
  | RunEvent
  | MachineEvent
  | PlanEvent
  | StackEvent
  | DownloadEvent
  | ImageEvent
  | ModelsEvent
  | HealthEvent
  | StatusEvent
  | ReleaseEvent
  | CatalogEvent
  | ServeEvent
  | PushEvent;

/** An event as writers and recordings have it; `at` in milliseconds since the run began. */
export type TimedEvent = { readonly v: 1; readonly at: number } & HerosEvent;

/** How a stage tells its events. Never throws, never waits. */
export type Emit = (event: HerosEvent) => void;

/** The last event of a run, and only the last, is one of these. */
export type ClosingEvent = Extract<
  HerosEvent,
  { type: "run.succeeded" | "run.failed" | "run.cancelled" }
>;

export function isClosing(event: HerosEvent): event is ClosingEvent {
  return (
    event.type === "run.succeeded" || event.type === "run.failed" || event.type === "run.cancelled"
  );
}
