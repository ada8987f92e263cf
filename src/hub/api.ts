import type { ByteFlow } from "../host/http.ts";
import { captivePortal, failureOfError, failureOfStatus, type Asked } from "./failures.ts";
import { discard, mayHaveToken, sendRequest, type Session } from "./request.ts";
import { retryOnce } from "./retry.ts";
import { PassingTrouble } from "./trouble.ts";

export interface ApiAnswer {
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

const mostBytes = 64 * 1024 * 1024;

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
      const { response } = await sendRequest(session, {
        url,
        headers: { accept: "application/json" },
        signal,
        redirects: "same-host",
      });
      const { status, headers } = response;
      const json = /\bjson\b/iu.test(headers["content-type"] ?? "");
      if (status === 200 && json) return { text: await readText(response.body), headers };
      discard(response);
      const withToken = session.token !== null && mayHaveToken(endpoint, url);
      const errorHeader = headers["x-error-code"];
      const page = !json && errorHeader === undefined;
      const failure = page
        ? null
        : failureOfStatus(status, errorHeader, { ...asked, endpoint, withToken });
      throw failure ?? captivePortal(endpoint, `status ${status} with ${kindOf(headers)}`);
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

function readText(body: ByteFlow): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const parts: Buffer[] = [];
  let bytes = 0;
  body.on("data", (part) => {
    bytes += part.length;
    parts.push(part);
    if (bytes > mostBytes) {
      reject(new PassingTrouble("bad-answer", "an answer without end"));
      body.destroy();
    }
  });
  body.once("end", () => resolve(Buffer.concat(parts).toString("utf8")));
  body.once("error", reject);
  body.once("close", () => reject(new PassingTrouble("network", "the connection was cut")));
  return promise;
}
