import type { ByteStream, HttpResponse } from "../../host/network.ts";
import { captivePortal, failureOfError, failureOfStatus } from "./failures.ts";
import {
  discard,
  openAddress,
  orAbandon,
  requestOf,
  requireNoPage,
  requirePlain,
  sendRequest,
} from "../request.ts";
import { askHub, hubServer, mayHaveToken, type Session } from "./request.ts";
import { retryOnce, TransientError } from "../retry-policy.ts";
import type { FileName, FileRequest, OpenedFile } from "../source.ts";

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
  const { path, repo, address: known } = request;
  const server = hubServer(session);
  const wanted = { request, name: `${path} of ${repo}`, isPage: /\.x?html?$/iu.test(path) };
  if (known !== null) return openAddress(server, wanted, known);
  const { response, url, reach } = await sendRequest(server, {
    ...requestOf(request),
    url: resolveUrl(session.endpoint, request),
    redirects: "none-elsewhere",
  });
  orAbandon(response, () => {
    requireNoPage(server, wanted, response);
    requireEtag(response, request);
  });
  if (response.status < 300 || response.status === 416) {
    orAbandon(response, () => requirePlain(response));
    return { response, address: null };
  }
  if (response.status >= 400) {
    await discard(response);
    throw refusal(session, request, response, url);
  }
  return openAddress(server, wanted, { url, reach });
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
      const { response } = await askHub(session, options);
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
