import { z } from "zod";
import { callApi, parseJson } from "./api.ts";
import { captivePortal } from "./failures.ts";
import { commitPattern, type HubFile, requireSafePaths } from "./listing.ts";
import type { Session } from "./request.ts";
import { fileOfEntry, treeEntry } from "./tree-entry.ts";

export interface ListCall {
  readonly session: Session;
  readonly repo: string;
  readonly revision: string;
  readonly signal: AbortSignal;
}

/** More than the Hub's largest repositories have. */
const mostPages = 10_000;
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
    fetch: libraryFetch(call),
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
  const parsed = account.safeParse(parseJson(text, endpoint));
  if (!parsed.success) throw captivePortal(endpoint, "its answer can't be read", parsed.error);
  return parsed.data;
}

/** All files of a commit, by @huggingface/hub over our own requests. */
export async function fetchFiles(call: ListCall, commit: string): Promise<HubFile[]> {
  const { listFiles } = await import("@huggingface/hub");
  const entries: unknown[] = [];
  const pages = listFiles({
    repo: { type: "model", name: call.repo },
    revision: commit,
    recursive: true,
    hubUrl: call.session.endpoint,
    fetch: libraryFetch(call),
  });
  for await (const entry of pages) entries.push(entry);
  const files = checked(tree, entries, call)
    .map((entry) => fileOfEntry(entry))
    .filter((file) => file !== null);
  requireSafePaths(call.repo, files);
  return files;
}

function checked<T>(schema: z.ZodType<T>, value: unknown, { session, repo }: ListCall): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw captivePortal(
    session.endpoint,
    `its answer about ${repo} is not of the Hub's form`,
    parsed.error,
  );
}

/** The library adds no token: our request knows which origin may have it. Answers other than 200 never reach the library. */
function libraryFetch(call: ListCall): typeof fetch {
  const { session, repo, revision, signal } = call;
  let pages = 0;
  return async (input) => {
    if ((pages += 1) > mostPages) throw captivePortal(session.endpoint, "a list without end");
    const asked = typeof input === "string" ? input : input instanceof URL ? input.href : input.url;
    const url = onEndpoint(asked, session.endpoint);
    const { text, headers } = await callApi(session, {
      url,
      asked: { repo, revision },
      signal,
    });
    parseJson(text, session.endpoint);
    const link = headers["link"];
    return new Response(text, {
      headers: { "content-type": "application/json", ...(link === undefined ? {} : { link }) },
    });
  };
}

/** A mirror may pass on the Hub's own address of the next page: it is asked of the mirror. */
function onEndpoint(url: string, endpoint: string): string {
  const target = new URL(url);
  if (target.origin === new URL(endpoint).origin) return url;
  return `${endpoint}${target.pathname}${target.search}`;
}
