import type { CheckFinished, CheckStatus } from "../run/events/machine.ts";
import type { Emit } from "../run/event.ts";
import type { Failure } from "../run/failure.ts";
import type { Clock } from "../host/host.ts";

/** What a check came to. */
export interface Finding {
  readonly status: CheckStatus;
  readonly found: string;
  readonly remedy?: string;
  /** What it means for the run, where it is a failure with a code. */
  readonly failure?: Failure;
}

/** The checks, in the order in which a report lists them. */
export const checkTitles = {
  cpu: "Processor",
  product: "Product",
  gpu: "GPU",
  memory: "Memory",
  "disk.models": "Disk for models",
  "disk.images": "Disk for containers",
  "docker.engine": "Docker engine",
  "docker.compose": "Docker Compose",
  "docker.gpu": "GPU in containers",
  port: "Port for Annie",
  hub: "Model Hub",
} as const;

export type CheckId = keyof typeof checkTitles;
export const checkIds = Object.keys(checkTitles) as CheckId[];

export interface Check {
  readonly finished: CheckFinished;
  readonly failure: Failure | null;
}

/** Tells that a check begins, waits for what it finds, and tells that. */
export async function runCheck(
  { id, emit, clock }: { readonly id: CheckId; readonly emit: Emit; readonly clock: Clock },
  find: Promise<Finding>,
): Promise<Check> {
  const title = checkTitles[id];
  const startedMs = clock.monotonicMs();
  emit({ type: "check.started", id, title });
  const { status, found, remedy, failure } = await find;
  const finished: CheckFinished = {
    type: "check.finished",
    id,
    title,
    status,
    ...(failure === undefined ? {} : { code: failure.code }),
    found,
    ...(remedy === undefined ? {} : { remedy }),
    elapsedMs: Math.round(clock.monotonicMs() - startedMs),
  };
  emit(finished);
  return { finished, failure: failure ?? null };
}
