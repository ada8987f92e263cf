import type { ByteStream, HttpResponse, Reach } from "../../host/network.ts";
import { captivePortal, failureOfError, failureOfStatus } from "./failures.ts";
import { discard, mayHaveToken, orAbandon, sendRequest, type Session } from "./request.ts";
import { retryOnce } from "../retry-policy.ts";
import type { FileName, FileRequest, OpenedFile } from "../source.ts";
import { TransientError } from "../transient-error.ts";

function resolveUrl(endpoint: string, { repo, commit, path }: FileName): string {
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  return `${endpoint}/${repo}/resolve/${commit}/${encoded}`;
}

/**
 * Opens a file or a range of it. An address of an earlier request is asked first-hand; the Hub's is never skipped for its token's sake:
 * the token goes to the Hub alone.
 * @throws TransientError, Failure, Node's errors, AbortError
 */
export async function openFile(session: Session, request: FileRequest): Promise<OpenedFile> {
  const { range, signal, idleTimeoutMs, maxConnections } = request;
  const headers: Record<string, string> =
    range === null ? {} : { range: `bytes=${range.start}-${range.end - 1}` };
  const { address: known } = request;
  let url = known?.url;
  let reach = known?.reach;
  if (url === undefined) {
    const hubUrl = resolveUrl(session.endpoint, request);
    const common = { url: hubUrl, headers, signal, idleTimeoutMs, maxConnections, large: true };
    const answer = await sendRequest(session, { ...common, redirects: "none-elsewhere" });
    orAbandon(answer.response, () => {
      requireNoPage(session, request, answer.response);
      requireEtag(answer.response, request);
    });
    if (answer.response.status < 300 || answer.response.status === 416) {
      orAbandon(answer.response, () => requirePlain(answer.response));
      return { response: answer.response, address: null };
    }
    if (answer.response.status >= 400) {
      await discard(answer.response);
      throw refusal(session, request, answer.response, answer.url);
    }
    ({ url, reach } = answer);
  }
  const sentBy: Reach = reach ?? "public";
  const { response } = await sendRequest(session, {
    url,
    noNearerThan: sentBy,
    headers,
    signal,
    idleTimeoutMs,
    maxConnections,
    large: true,
    redirects: "all",
  });
  const { status } = response;
  if (status === 200 || status === 206 || status === 416) {
    orAbandon(response, () => {
      requireNoPage(session, request, response);
      requirePlain(response);
    });
    return { response, address: known ?? { url, reach: sentBy } };
  }
  await discard(response);
  if (known !== null)
    throw new TransientError("expired", `the signed address is no longer good (${status})`);
  throw new TransientError("refused", `${new URL(url).host} refused a connection (${status})`);
}

/** Asks for the headers of one file. @throws Failure where the files can't be had */
export async function checkAccess(
  session: Session,
  request: FileName & { readonly signal: AbortSignal },
): Promise<void> {
  const { signal } = request;
  const url = resolveUrl(session.endpoint, request);
  try {
    const { host, answerLimitMs: timeLimitMs } = session;
    await retryOnce(host, signal, async () => {
      const redirects = "none-elsewhere";
      const options = { url, method: "HEAD", signal, timeLimitMs, redirects } as const;
      const { response } = await sendRequest(session, options);
      await discard(response);
      if (response.status >= 400) throw refusal(session, request, response, url);
    });
  } catch (error) {
    signal.throwIfAborted();
    throw failureOfError(error, session.endpoint);
  }
}

function refusal(
  session: Session,
  file: FileName,
  response: HttpResponse<ByteStream>,
  url: string,
): Error {
  const { endpoint, token } = session;
  const withToken = token !== null && mayHaveToken(endpoint, url);
  const { repo, path, commit: revision } = file;
  const asked = { endpoint, repo, path, revision, withToken };
  const { status, headers } = response;
  const errorHeader = headers["x-error-code"];
  // The Hub says in a header what is wrong; whatever stands in its place for a while does not.
  const own = errorHeader !== undefined || headers["x-error-message"] !== undefined;
  return (
    (own ? failureOfStatus(status, errorHeader, asked) : null) ??
    captivePortal(endpoint, `status ${status} for ${path} of ${repo}`)
  );
}

/** The Hub names the content in every answer: one that differs from the listing is another file, or not the Hub's. */
function requireEtag(
  { status, headers }: HttpResponse<ByteStream>,
  { blobName, path }: FileRequest,
): void {
  if (status >= 400) return;
  const etag = headers["x-linked-etag"] ?? (status < 300 ? headers["etag"] : undefined);
  const name = etag?.replace(/^W\//u, "").replaceAll('"', "");
  if (name === undefined || name === blobName) return;
  // Other servers have ETags of other kinds; only one that looks like a hash of the same kind says anything.
  if (!/^[0-9a-f]+$/u.test(name) || name.length !== blobName.length) return;
  throw new TransientError("bad-answer", `the Hub reports different content for ${path}`);
}

/** A web page in the place of a file that is none. */
function requireNoPage(
  { endpoint }: Session,
  { path, repo }: FileRequest,
  { status, headers }: HttpResponse<ByteStream>,
): void {
  const page = /\bhtml\b/iu.test(headers["content-type"] ?? "");
  if (!page || status >= 300 || /\.x?html?$/iu.test(path)) return;
  throw captivePortal(endpoint, `a web page instead of ${path} of ${repo}`);
}

function requirePlain(response: HttpResponse<ByteStream>): void {
  const encoding = response.headers["content-encoding"];
  if (encoding === undefined || encoding === "" || encoding === "identity") return;
  throw new TransientError(
    "bad-answer",
    `the answer is packed (${encoding}) although nobody asked`,
  );
}
