import type { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import type { FailureScope } from "../source.ts";
import { isAnswer, transportFailureOf } from "../transport-failure.ts";

/** What a request ended with after the last try, as a failure that says what to do. Others are passed through. */
export function failureOfError(error: unknown, endpoint: string): unknown {
  return transportFailureOf(error, {
    tls: (reason) => failure("s3.tls", { endpoint, reason }, error),
    proxy: (trouble) => failure("s3.proxy", { endpoint, ...trouble }, error),
    transient({ kind, message: reason }) {
      const code = isAnswer(kind) ? "s3.server_error" : "s3.unreachable";
      return failure(code, { endpoint, reason }, error);
    },
  });
}

const ofAll = ["s3.tls", "s3.proxy", "s3.key_refused", "s3.skewed", "s3.bucket_not_found"];
/** Of a network that was waited for without an answer. */
const ofNetwork = ["s3.unreachable", "s3.server_error"];

/** What a failure means for other files than the one that was asked for. */
export function scopeOf({ code }: Failure): FailureScope {
  if (ofAll.includes(code)) return "all";
  return ofNetwork.includes(code) ? "network" : "file";
}
