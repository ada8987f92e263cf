import type { Host } from "../../host/host.ts";
import { type ByteStream, type HttpResponse, isLoopback } from "../../host/network.ts";
import { failure } from "../../run/failures/table.ts";
import type { Secret } from "../../run/secret.ts";
import { readBody, sendRequest, type Server, type SourceRequest } from "../request.ts";
import { captivePortal } from "./failures.ts";

/** Who we are to the Hub. The token goes to `endpoint`'s origin alone. */
export interface Session {
  readonly host: Pick<Host, "network" | "clock" | "random">;
  readonly endpoint: string;
  readonly token: Secret | null;
  /** How long one answer of the API may take from its question to its last byte. */
  readonly answerLimitMs: number;
}

/** One request to a Hub. @throws as `sendRequest` */
export function askHub(session: Session, request: SourceRequest): ReturnType<typeof sendRequest> {
  return sendRequest(hubServer(session), request);
}

/** The Hub, as requests know it. */
export function hubServer({ host, endpoint, token }: Session): Server {
  return {
    host,
    name: "the Hub",
    authorization: (url) =>
      token !== null && mayHaveToken(endpoint, url)
        ? { authorization: `Bearer ${token.reveal()}` }
        : {},
    failures: hubFailures(endpoint),
  };
}

function hubFailures(endpoint: string): Server["failures"] {
  return {
    strange: (what, cause) => captivePortal(endpoint, what, cause),
    redirectLoop: (host) => failure("hub.redirect_loop", { host }),
    unsafeRedirect: (host, cause) => failure("hub.unsafe_redirect", { endpoint, host }, cause),
  };
}

/** Whether the token may go to this address: the Hub's origin, and encrypted unless it is this machine. */
export function mayHaveToken(endpoint: string, url: string): boolean {
  const target = new URL(url);
  if (target.origin !== new URL(endpoint).origin) return false;
  return target.protocol === "https:" || isLoopback(target.hostname);
}

/** The whole body as text. @throws Failure where it is longer than `maxBytes`, and as `readBody` */
export async function readText(
  answer: HttpResponse<ByteStream>,
  { endpoint, maxBytes }: { readonly endpoint: string; readonly maxBytes: number },
): Promise<string> {
  const bytes = await readBody(answer, hubFailures(endpoint), maxBytes);
  if (bytes === null) throw captivePortal(endpoint, "its answer does not end");
  return bytes.toString("utf8");
}
