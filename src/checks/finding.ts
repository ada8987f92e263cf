import type { DockerAnswer } from "../docker/engine.ts";
import { lateText, type Probe } from "../host/time-limit.ts";
import type { CheckStatus } from "../run/events/machine.ts";
import type { Failure } from "../run/failure.ts";

/** What a check came to. */
export interface Finding {
  readonly status: CheckStatus;
  readonly found: string;
  /** The fix: a command, or a sentence. */
  readonly remedy?: string;
  /** What it means for the run, where it is a failure with a code. */
  readonly failure?: Failure;
}

/** The finding that is a failure of its own, in its words. */
export function failedBy(failure: Failure): Finding {
  return { ...warnedBy(failure), status: "failed", failure };
}

/** The same where it is in nobody's way. */
export function warnedBy({ message, hint: remedy }: Failure): Finding {
  return { status: "warning", found: message.replace(/\.$/u, ""), remedy };
}

/** What was asked took too long. @param what it was, where the check asks more than one thing */
export function lateFinding({ limitMs }: Pick<Probe, "limitMs">, what?: string): Finding {
  const text = lateText({ limitMs });
  return { status: "warning", found: what === undefined ? text : `${what}: ${text}` };
}

/** What only an engine can tell. */
export const withoutDocker: Finding = { status: "skipped", found: "Docker is not running" };

/** Whether there is no engine to ask. */
export function lacksDocker(docker: DockerAnswer["state"]): boolean {
  return docker === "missing" || docker === "unusable";
}
