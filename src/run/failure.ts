/** Exit statuses of every command. The numbers are part of the contract: scripts rely on them. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  degraded: 3,
  machine: 4,
  network: 5,
  hash: 6,
  disk: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

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

/** The name that the system or Node gives an error: `EACCES`, `ECONNRESET`; null where it has none. */
export function errorCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : null;
}

/** The same, if it has none, of what caused the error; of several attempts, that of the first. */
export function rootErrorCode(error: unknown): string | null {
  const own = errorCode(error);
  if (own !== null || !(error instanceof Error)) return own;
  if (error instanceof AggregateError) return rootErrorCode(error.errors[0]);
  return error.cause === undefined ? null : rootErrorCode(error.cause);
}

/** One row of the table of failures: what a person reads when this happens, with the data filled in. */
export interface FailureRow<Data> {
  /** Of the cause, where the row only gathers others. */
  readonly exitCode: ExitCode | ((data: Data) => ExitCode);
  /** One sentence: what happened, and where. */
  readonly message: (data: Data) => string;
  /** What to do next, with the command if there is one. */
  readonly hint: (data: Data) => string;
  /** The hint without command line syntax, for a form; left out where `hint` has none. */
  readonly formHint?: (data: Data) => string;
}

/** Gives a row the type of its data; `row({…})` alone is for failures that need none. */
export function row<Data = void>(of: FailureRow<Data>): FailureRow<Data> {
  return of;
}
