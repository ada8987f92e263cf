import type { ExitCode } from "./exit-codes.ts";

export interface FailureDetails {
  /** Stable and dotted, for scripts and search engines: `hub.unauthorized`. */
  readonly code: string;
  /** One sentence: what happened, and where. */
  readonly message: string;
  /** What to do next, with the command if there is one. */
  readonly hint: string;
  /** The same without command line syntax, for a form; left out where `hint` has none. */
  readonly formHint?: string;
  readonly exitCode: ExitCode;
  readonly cause?: unknown;
}

/** An error that a person can fix. Everything else that is thrown is a bug of heros, and is shown with its stack. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: string;
  readonly hint: string;
  readonly formHint: string;
  readonly exitCode: ExitCode;

  constructor({ code, message, hint, formHint = hint, exitCode, cause }: FailureDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
    this.formHint = formHint;
    this.exitCode = exitCode;
  }
}

/** The same failure with other words, or another exit status, where more is known than where it was thrown. */
export function retold(
  failure: Failure,
  change: Partial<Pick<FailureDetails, "message" | "hint" | "exitCode">>,
): Failure {
  const { code, message, hint, exitCode } = failure;
  return new Failure({ code, message, hint, exitCode, ...change, cause: failure });
}

/** Whether the error says only that the person, or a signal, stopped the work. Stopping is not an error. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || error.name === "CancelError");
}
