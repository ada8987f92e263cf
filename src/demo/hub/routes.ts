import type { Socket } from "node:net";
import { type Links, sendContent } from "./content.ts";
import { type Exchange, send, sendError, sendJson, type Gate, type Quotas } from "./exchange.ts";
import {
  type Commit,
  defaultRevision,
  findCommit,
  type HostedFile,
  type HostedRepo,
  sendModelInfo,
  sendPathsInfo,
  sendTree,
} from "./repository.ts";

/** What the answers are made from. */
export interface World {
  readonly repos: ReadonlyMap<string, HostedRepo>;
  readonly tokens: Tokens;
  readonly guest: string | null;
  readonly renames: Readonly<Record<string, string>>;
  readonly pageSize: number;
  readonly quotas: Quotas;
  readonly links: Links;
  /** By path on the content origin. */
  readonly contentFiles: Map<string, HostedFile>;
  gates(socket: Socket): Gate[];
}

/** Answers on the Hub's own origin. */
export async function answerHub(exchange: Exchange, world: World): Promise<void> {
  const { fault, url, request } = exchange;
  if (fault.answer !== undefined) {
    send(exchange, fault.answer);
    return;
  }
  const names = url.pathname.split("/").slice(1).map(decode);
  if (names.includes(null)) {
    sendError(exchange, 400, null, "Malformed address");
    return;
  }
  const [first = "", second = "", ...rest] = names.map(String);
  const api = first === "api";
  if (world.quotas.refuse(exchange, api ? "api" : "resolvers")) return;
  if (refuseWrongToken(exchange, world)) return;
  if (api && second === "whoami-v2") whoAmI(exchange, world);
  else if (api && second === "models" && rest.length >= 2) {
    const [owner = "", name = "", verb = "", revision, ...path] = rest;
    const found = await findRepo(exchange, world, { id: `${owner}/${name}`, at: 2, what: "list" });
    const commit = found && requireCommit(exchange, found, revision ?? defaultRevision(found));
    if (found === undefined || commit === undefined) return;
    if (verb === "" || verb === "revision") await sendModelInfo(exchange, found, commit);
    else if (verb === "tree") {
      const folder = path.join("/");
      await sendTree(exchange, { repo: found, commit, folder, pageSize: world.pageSize });
    } else if (verb === "paths-info" && request.method === "POST") {
      await sendPathsInfo(exchange, found, commit);
    } else sendError(exchange, 404, null, "Sorry, we can't find the page you are looking for.");
  } else if (rest[0] === "resolve" && rest.length >= 3) {
    const [, revision = "", ...path] = rest;
    await resolveFile(exchange, world, {
      id: `${first}/${second}`,
      revision,
      path: path.join("/"),
    });
  } else if (first === "") {
    send(exchange, { status: 200, headers: { "Content-Type": "text/html" }, body: "<h1>Hub</h1>" });
  } else sendError(exchange, 404, null, "Sorry, we can't find the page you are looking for.");
}

/** Answers on the content's origin: signed addresses alone. */
export async function answerContent(exchange: Exchange, world: World): Promise<void> {
  if (exchange.fault.answer !== undefined) {
    send(exchange, exchange.fault.answer);
    return;
  }
  const verdict = world.links.verify(exchange.url);
  const file = world.contentFiles.get(exchange.url.pathname);
  if (verdict !== "good" || file === undefined) {
    const reason = verdict === "expired" ? "Request has expired" : "Access Denied";
    send(exchange, {
      status: 403,
      headers: { "Content-Type": "application/xml" },
      body: `<Error><Code>AccessDenied</Code><Message>${reason}</Message></Error>`,
    });
    return;
  }
  const { blobName } = await file.identify();
  await sendContent(exchange, {
    source: file.source,
    headers: { ETag: `"${blobName}"` },
    gates: () => world.gates(exchange.request.socket),
  });
}

function whoAmI(exchange: Exchange, world: World): void {
  const token = sentToken(exchange);
  const name = token === null ? null : ownerOf(token, world);
  if (name === null) sendError(exchange, 401, null, "Invalid username or password.");
  else {
    sendJson(exchange, {
      type: "user",
      id: "000000000000000000000000",
      name,
      fullname: name,
      email: `${name}@example.com`,
      emailVerified: true,
      canPay: false,
      isPro: false,
      periodEnd: null,
      avatarUrl: "/avatars/none.svg",
      orgs: [],
      auth: {
        type: "access_token",
        accessToken: { displayName: "demo", role: "read", createdAt: "2026-01-01T00:00:00.000Z" },
      },
    });
  }
}

interface RepoRequest {
  readonly id: string;
  /** Position of the owner in the path's names. */
  readonly at: number;
  readonly what: "list" | "files";
}

/** The repository, if it is there and may be read; else the answer is given. */
async function findRepo(exchange: Exchange, world: World, { id, at, what }: RepoRequest) {
  const renamed = world.renames[id];
  if (renamed !== undefined) {
    const names = exchange.url.pathname.split("/").slice(1);
    names.splice(at, 2, ...renamed.split("/"));
    const location = `/${names.join("/")}${exchange.url.search}`;
    send(exchange, {
      status: 307,
      headers: { Location: location },
      body: `Redirecting to ${location}`,
    });
    return undefined;
  }
  const repo = world.repos.get(id);
  if (repo === undefined) refuseUnknown(exchange);
  else if (!refuseReader(exchange, repo, what)) return repo;
  return undefined;
}

function requireCommit(exchange: Exchange, repo: HostedRepo, revision: string): Commit | undefined {
  const commit = findCommit(repo, revision);
  if (commit === undefined) {
    sendError(exchange, 404, "RevisionNotFound", `Invalid rev id: ${revision}`);
  }
  return commit;
}

/** `GET|HEAD /{id}/resolve/{rev}/{path}`: small files come at once, LFS files from the other origin. */
async function resolveFile(
  exchange: Exchange,
  world: World,
  { id, revision, path }: { id: string; revision: string; path: string },
): Promise<void> {
  const repo = await findRepo(exchange, world, { id, at: 0, what: "files" });
  const commit = repo && requireCommit(exchange, repo, revision);
  if (commit === undefined) return;
  const headers = { "X-Repo-Commit": commit.sha };
  const file = commit.files.get(path);
  if (file === undefined) {
    exchange.response.setHeader("X-Repo-Commit", commit.sha);
    sendError(exchange, 404, "EntryNotFound", "Entry not found");
    return;
  }
  const { blobName, gitSha1, sizeBytes } = await file.identify();
  if (!file.lfs) {
    await sendContent(exchange, {
      source: file.source,
      headers: { ...headers, ETag: `"${gitSha1}"`, "Content-Type": "text/plain; charset=utf-8" },
      gates: () => world.gates(exchange.request.socket),
    });
    return;
  }
  const contentPath = `/repos/${encodeURIComponent(id)}/${blobName}`;
  world.contentFiles.set(contentPath, file);
  const location = world.links.sign(contentPath);
  send(exchange, {
    status: 302,
    headers: {
      ...headers,
      "X-Linked-Etag": `"${blobName}"`,
      "X-Linked-Size": String(sizeBytes),
      ETag: `"${gitSha1}"`,
      "Accept-Ranges": "bytes",
      Location: location,
    },
    body: `Found. Redirecting to ${location}`,
  });
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Known tokens, each with the name of its owner. */
export type Tokens = Readonly<Record<string, string>>;

/** The token sent along; null for none. */
export function sentToken({ request }: Exchange): string | null {
  return /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? null;
}

/** Whose token it is; null where it is nobody's. */
function ownerOf(token: string, { tokens, guest }: Pick<World, "tokens" | "guest">): string | null {
  if (Object.hasOwn(tokens, token)) return tokens[token] ?? null;
  return /^hf_[A-Za-z0-9]{17,}$/.test(token) ? guest : null;
}

/** Refuses a token that nobody knows, as the Hub does on every address. True where it did. */
function refuseWrongToken(exchange: Exchange, world: World): boolean {
  const token = sentToken(exchange);
  if (token === null || ownerOf(token, world) !== null) return false;
  sendError(exchange, 401, null, "Invalid credentials in Authorization header");
  return true;
}

/** Refuses who may not see the repository, or not its files. True where it did. */
export function refuseReader(
  exchange: Exchange,
  repo: HostedRepo,
  what: "list" | "files",
): boolean {
  const { id, access = "public", readers } = repo.spec;
  const token = sentToken(exchange);
  if (access === "public") return false;
  if (token !== null && (readers === undefined || readers.includes(token))) return false;
  if (access === "private") {
    refuseUnknown(exchange);
    return true;
  }
  if (what === "list") return false;
  const message =
    token === null
      ? `Access to model ${id} is restricted. You must have access to it and be authenticated to access it. Please log in.`
      : `Access to model ${id} is restricted and you are not in the authorized list.`;
  sendError(exchange, token === null ? 401 : 403, "GatedRepo", message);
  return true;
}

/** No such repository, or one that must not be known of: without a token these look alike. */
export function refuseUnknown(exchange: Exchange): void {
  if (sentToken(exchange) === null) {
    sendError(exchange, 401, "RepoNotFound", "Invalid username or password.");
  } else sendError(exchange, 404, "RepoNotFound", "Repository not found");
}
