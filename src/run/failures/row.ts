import type { ExitCode } from "../exit-codes.ts";

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
