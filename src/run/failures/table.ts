import { Failure, type FailureRow } from "../failure.ts";
import { cliFailures } from "./cli.ts";
import { annieFailures } from "./annie.ts";
import { exportFailures } from "./export.ts";
import { machineFailures } from "./machine.ts";
import { storeFailures } from "./store.ts";
import { fileFailures } from "./files.ts";
import { folderFailures } from "./folder.ts";
import { hubFailures } from "./hub.ts";
import { ollamaFailures } from "./ollama.ts";
import { planFailures } from "./plan.ts";
import { pushFailures } from "./push.ts";
import { registryFailures } from "./registry.ts";
import { releaseFailures } from "./release.ts";
import { serveFailures } from "./serve.ts";
import { s3Failures } from "./s3.ts";
import { shareFailures } from "./share.ts";
import { stackFailures } from "./stack.ts";

/**
 * Every failure that heros can end with: code, sentence, hint, exit status. A row stands with those of its area, and has an
 * example in `scripts/failure-examples.ts`, from which docs/troubleshooting.md is made.
 */
export const failures = {
  ...cliFailures,
  ...exportFailures,
  ...fileFailures,
  ...folderFailures,
  ...hubFailures,
  ...machineFailures,
  ...annieFailures,
  ...ollamaFailures,
  ...planFailures,
  ...pushFailures,
  ...registryFailures,
  ...releaseFailures,
  ...s3Failures,
  ...serveFailures,
  ...shareFailures,
  ...stackFailures,
  ...storeFailures,
};

export type FailureCode = keyof typeof failures;
/** What a row is filled in with; void where it needs nothing. */
export type DataOf<Code extends FailureCode> =
  (typeof failures)[Code] extends FailureRow<infer Data> ? Data : never;

/**
 * The failure of this row, with its data filled in.
 * @param cause what was thrown or said before, kept as `cause`
 */
export function failure<Code extends FailureCode>(
  code: Code,
  ...[data, cause]: DataOf<Code> extends void
    ? [data?: undefined, cause?: unknown]
    : [data: DataOf<Code>, cause?: unknown]
): Failure {
  const { exitCode, message, hint, formHint } = failures[code] as FailureRow<unknown>;
  const form = formHint === undefined ? {} : { formHint: formHint(data) };
  return new Failure({
    code,
    message: message(data),
    hint: hint(data),
    ...form,
    exitCode: typeof exitCode === "function" ? exitCode(data) : exitCode,
    cause,
  });
}
