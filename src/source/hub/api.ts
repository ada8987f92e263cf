import { z } from "zod";
import { type Asked, captivePortal, failureOfError, failureOfStatus } from "./failures.ts";
import { partialHeader, pathCheck } from "./listing.ts";
import { discard } from "../request.ts";
import { askHub, mayHaveToken, readText, type Session } from "./request.ts";
import { retryOnce } from "../retry-policy.ts";
import { commitPattern, type ListedFile } from "../../run/repos/file-listing.ts";

const sha1 = z.string().regex(/^[0-9a-f]{40}$/u);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);
const size = z.number().int().nonnegative();

const treeFile = z.object({
  type: z.literal("file"),
  path: z.string(),
  size,
  oid: sha1,
  lfs: z.object({ oid: sha256, size }).optional(),
});
const treeOther = z.object({ type: z.enum(["directory", "unknown"]) });

/** One entry of the Hub's tree, as GET /api/models/{id}/tree/{commit} gives it. */
const treeEntry = z.discriminatedUnion("type", [treeFile, treeOther]);

/** What a tree entry says of a file; null for a folder. */
function fileOfEntry(entry: z.infer<typeof treeEntry>): ListedFile | null {
  if (entry.type !== "file") return null;
  const { path, lfs, oid } = entry;
  return lfs === undefined
    ? { path, sizeBytes: entry.size, blobName: oid, hash: { algorithm: "git-sha1", hex: oid } }
    : {
        path,
        sizeBytes: lfs.size,
        blobName: lfs.oid,
        hash: { algorithm: "sha256", hex: lfs.oid },
      };
}

interface ListCall {
  readonly session: Session;
  readonly repo: string;
  readonly revision: string;
  readonly signal: AbortSignal;
}

/** More than the Hub's largest repositories have, which may hold 100,000 files. */
const most = { pages: 2000, files: 200_000, characters: 64 * 1024 * 1024, ms: 600_000 };
const info = z.object({ sha: z.string().regex(commitPattern) });
const tree = z.array(treeEntry);

/** The commit that a branch or a tag points to, by @huggingface/hub over our own requests. */
export async function fetchCommit(call: ListCall): Promise<string> {
  const { modelInfo } = await import("@huggingface/hub");
  const answer = await modelInfo({
    name: call.repo,
    revision: call.revision,
    hubUrl: call.session.endpoint,
    additionalFields: ["sha"],
    fetch: libraryFetch(call, info),
  });
  return checked(info, answer, call).sha;
}

const account = z.object({ name: z.string() });

/** Whose token it is. */
export async function fetchAccount(
  call: Pick<ListCall, "session" | "signal">,
): Promise<{ name: string }> {
  const { endpoint } = call.session;
  const { text } = await callApi(call.session, {
    url: `${endpoint}/api/whoami-v2`,
    asked: {},
    signal: call.signal,
  });
  const parsed = account.safeParse(readJson(text, endpoint));
  if (!parsed.success) throw captivePortal(endpoint, "its answer can't be read", parsed.error);
  return parsed.data;
}

export interface FetchedFiles {
  readonly files: readonly ListedFile[];
  /** The server has no others, but the commit does. */
  readonly isPartial: boolean;
}

/** All files of a commit, by @huggingface/hub over our own requests. */
export async function fetchFiles(call: ListCall, commit: string): Promise<FetchedFiles> {
  const { listFiles } = await import("@huggingface/hub");
  const files: ListedFile[] = [];
  const checkPath = pathCheck(call.repo);
  let isPartial = false;
  const onHeaders = (headers: ApiAnswer["headers"]): void => {
    isPartial ||= headers[partialHeader] !== undefined;
  };
  const pages = listFiles({
    repo: { type: "model", name: call.repo },
    revision: commit,
    recursive: true,
    hubUrl: call.session.endpoint,
    fetch: libraryFetch(call, tree, onHeaders),
  });
  for await (const entry of pages) {
    const file = fileOfEntry(checked(treeEntry, entry, call));
    if (file === null) continue;
    checkPath(file.path);
    files.push(file);
    if (files.length > most.files) throw endless(call);
  }
  return { files, isPartial };
}

function checked<T>(schema: z.ZodType<T>, value: unknown, { session, repo }: ListCall): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw captivePortal(
    session.endpoint,
    `its answer about ${repo} has an unknown format`,
    parsed.error,
  );
}

function endless({ session, repo }: ListCall): Error {
  return captivePortal(session.endpoint, `its list of the files of ${repo} does not end`);
}

/**
 * The library adds no token: our request knows which origin may have it. It is handed answers of the right shape alone, and
 * of those what we read.
 */
function libraryFetch(
  call: ListCall,
  shape: z.ZodType,
  onHeaders: (headers: ApiAnswer["headers"]) => void = () => {},
): typeof fetch {
  const { session, repo, revision, signal } = call;
  const asked = new Set<string>();
  let characters = 0;
  let elapsedMs = 0;
  return async (input) => {
    const url = typeof input === "string" ? input : input instanceof URL ? input.href : input.url;
    // A server that passes over the cursor gives the same page again.
    if (asked.has(url) || asked.size >= most.pages || elapsedMs > most.ms) throw endless(call);
    asked.add(url);
    const answer = await callApi(session, { url, asked: { repo, revision }, signal });
    onHeaders(answer.headers);
    characters += answer.text.length;
    elapsedMs += answer.elapsedMs;
    if (characters > most.characters) throw endless(call);
    const body = checked(shape, readJson(answer.text, session.endpoint), call);
    const next = nextPage(answer.headers["link"] ?? "", url, call);
    return new Response(JSON.stringify(body), {
      headers: {
        "content-type": "application/json",
        ...(next === null ? {} : { link: `<${next}>; rel="next"` }),
      },
    });
  };
}

/**
 * The address of the next page, of a Link header (RFC 8288); null on the last one. A mirror may pass on the Hub's own
 * address: it is asked of the mirror. @throws Failure where it can't be read, for the rest of the list would be missing
 */
function nextPage(link: string, from: string, { session, repo }: ListCall): string | null {
  if (!/\brel\s*=\s*"?next\b/iu.test(link)) return null;
  const given = /<(?<url>[^<>]*)>[^<>]*\brel\s*=\s*"?next\b/iu.exec(link)?.groups?.["url"];
  const target = given === undefined || given === "" ? null : URL.parse(given, from);
  if (target === null || !/^https?:$/u.test(target.protocol)) {
    throw captivePortal(session.endpoint, `the next page of the files of ${repo} can't be read`);
  }
  if (target.origin === new URL(session.endpoint).origin) return target.href;
  return `${session.endpoint}${target.pathname}${target.search}`;
}

interface ApiAnswer {
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
      const { response, url: answered } = await askHub(session, {
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
      const sent = from === new URL(url).host ? "" : `it redirected to ${from}, which returned `;
      throw failure ?? captivePortal(endpoint, `${sent}status ${status} with ${kindOf(headers)}`);
    });
  } catch (error) {
    signal.throwIfAborted();
    throw failureOfError(error, endpoint);
  }
}

/** The value of a JSON text. @throws Failure `hub.captive_portal` where it is none */
export function readJson(text: string, endpoint: string): unknown {
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
