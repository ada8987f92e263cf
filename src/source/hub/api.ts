import { discard, readText } from "./body.ts";
import { captivePortal, failureOfError, failureOfStatus, type Asked } from "./failures.ts";
import { mayHaveToken, sendRequest, type Session } from "./request.ts";
import { retryOnce } from "../retry.ts";

export interface ApiAnswer {
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
  /** From the question to the last byte, without the tries that failed. */
  readonly elapsedMs: number;
}

/** Of one answer. All files of the largest repositories would fit. */
const maxBytes = 16 * 1024 * 1024;

/**
 * One call of the Hub's API.
 * @throws Failure, AbortError
 */
export async function callApi(
  session: Session,
  {
    url,
    asked,
    signal,
  }: {
    url: string;
    asked: Omit<Asked, "endpoint" | "withToken">;
    signal: AbortSignal;
  },
): Promise<ApiAnswer> {
  const { host, endpoint } = session;
  try {
    return await retryOnce(host, signal, async () => {
      const startedMs = host.clock.monotonicMs();
      // Some addresses stand for another; a login page is told by what it is.
      const { response, url: answered } = await sendRequest(session, {
        url,
        headers: { accept: "application/json" },
        signal,
        timeLimitMs: session.answerLimitMs,
        redirects: "all",
      });
      const { status, headers } = response;
      const json = /\bjson\b/iu.test(headers["content-type"] ?? "");
      if (status === 200 && json) {
        const text = await readText(response, { endpoint, maxBytes });
        return { text, headers, elapsedMs: host.clock.monotonicMs() - startedMs };
      }
      await discard(response);
      const withToken = session.token !== null && mayHaveToken(endpoint, answered);
      const errorHeader = headers["x-error-code"];
      const page = !json && errorHeader === undefined;
      const failure = page
        ? null
        : failureOfStatus(status, errorHeader, { ...asked, endpoint, withToken });
      const { host: from } = new URL(answered);
      const sent = from === new URL(url).host ? "" : `it sent us to ${from}, which gave `;
      throw failure ?? captivePortal(endpoint, `${sent}status ${status} with ${kindOf(headers)}`);
    });
  } catch (error) {
    signal.throwIfAborted();
    throw failureOfError(error, endpoint);
  }
}

/** The value of a JSON text. @throws Failure `hub.captive_portal` where it is none */
export function parseJson(text: string, endpoint: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw captivePortal(endpoint, "its answer can't be read", error);
  }
}

function kindOf(headers: Readonly<Record<string, string>>): string {
  const type = headers["content-type"]?.split(";")[0] ?? "no content";
  return type === "text/html" ? "a web page" : type;
}
