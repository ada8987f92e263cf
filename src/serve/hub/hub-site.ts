import { send, type Exchange, sendError, sendJson } from "../exchange.ts";
import { decode } from "../request-target.ts";
import type { Site } from "../server.ts";
import { sendModelInfo, sendPathsInfo, sendTree } from "./answers.ts";
import {
  blobNameOf,
  type ServedCommit,
  type ServedModels,
  type WantedCommit,
} from "./served-models.ts";

export interface HubSiteOptions {
  readonly models: ServedModels;
  /** Entries of a tree in one answer. Default 1000, as the Hub's. */
  readonly pageSize?: number;
}

/** Where in the path the repository's name begins, and how many parts it has. */
interface RepoPlace {
  readonly at: number;
  readonly parts: number;
}

/** The Hub's addresses of models, as far as clients need them to download. It never offers Xet. */
export function hubSite({ models, pageSize = 1000 }: HubSiteOptions): Site {
  return {
    async answer(exchange) {
      const names = namesOf(exchange.url);
      if (names[0] === "api") return answerApi(exchange, names.slice(1));
      const at = names.indexOf("resolve");
      if ((at !== 1 && at !== 2) || names.length < at + 3) return false;
      if (!mayRead(exchange)) return true;
      await resolveFile(exchange, names, at);
      return true;
    },
  };

  async function answerApi(exchange: Exchange, names: readonly string[]): Promise<boolean> {
    const [first, ...rest] = names;
    if (first === "whoami-v2" && rest.length === 0) {
      whoAmI(exchange);
      return true;
    }
    if (first !== "models" || rest.length === 0) return false;
    const parts = verbs.has(rest[1] ?? "") || rest.length === 1 ? 1 : 2;
    const [verb, revision, ...path] = rest.slice(parts);
    if (verb !== undefined && !verbs.has(verb)) return false;
    const isQuestion = verb === "paths-info";
    if (!isQuestion && !mayRead(exchange)) return true;
    if (isQuestion && exchange.request.method !== "POST") {
      sendError(exchange, { status: 405, message: "Use POST", headers: { Allow: "POST" } });
      return true;
    }
    const repo = rest.slice(0, parts).join("/");
    const wanted = { repo, revision: revision ?? null, purpose: "list" } as const;
    const commit = await find(exchange, wanted, { at: 2, parts });
    if (commit === null) return true;
    if (verb === "tree") {
      await sendTree(exchange, commit, { folder: path.join("/"), pageSize });
    } else if (isQuestion) await sendPathsInfo(exchange, commit);
    else await sendModelInfo(exchange, commit);
    return true;
  }

  function whoAmI(exchange: Exchange): void {
    const account = models.accountOf(exchange);
    if (account === null) {
      sendError(exchange, { status: 401, message: "Invalid username or password." });
      return;
    }
    const { name } = account;
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
        accessToken: { displayName: name, role: "read", createdAt: "2026-01-01T00:00:00.000Z" },
      },
    });
  }

  /** The commit; null where the answer is given already. */
  async function find(
    exchange: Exchange,
    wanted: WantedCommit,
    place: RepoPlace,
  ): Promise<ServedCommit | null> {
    const found = await models.find(exchange, wanted);
    if ("commit" in found) return found.commit;
    if ("refusal" in found) {
      sendError(exchange, found.refusal);
      return null;
    }
    const path = exchange.url.pathname.split("/");
    path.splice(place.at + 1, place.parts, ...found.renamed.split("/"));
    const location = `${path.join("/")}${exchange.url.search}`;
    const body = `Redirecting to ${location}`;
    send(exchange, { status: 307, headers: { Location: location }, body });
    return null;
  }

  /** `GET|HEAD /{id}/resolve/{rev}/{path}` */
  async function resolveFile(
    exchange: Exchange,
    names: readonly string[],
    at: number,
  ): Promise<void> {
    const repo = names.slice(0, at).join("/");
    const [, revision = "", ...rest] = names.slice(at);
    const wanted = { repo, revision, purpose: "files" } as const;
    const commit = await find(exchange, wanted, { at: 0, parts: at });
    if (commit === null) return;
    const common = { "X-Repo-Commit": commit.sha };
    const file = await commit.file(rest.join("/"));
    if (file === null) {
      const code = "EntryNotFound";
      sendError(exchange, { status: 404, code, message: "Entry not found", headers: common });
      return;
    }
    const identity = await file.identify();
    const isLfs = identity.sha256 !== null;
    await file.send(exchange, {
      ...common,
      ...(isLfs
        ? {
            "X-Linked-Etag": `"${blobNameOf(identity)}"`,
            "X-Linked-Size": String(identity.sizeBytes),
          }
        : { "Content-Type": "text/plain; charset=utf-8" }),
    });
  }
}

const verbs = new Set(["revision", "tree", "paths-info"]);

/** The names of a path, decoded; a revision's may hold a slash. */
function namesOf(url: URL): string[] {
  const names = url.pathname.split("/").slice(1);
  if (names.at(-1) === "") names.pop();
  return names.map((name) => decode(name) ?? "");
}

function mayRead(exchange: Exchange): boolean {
  const { method } = exchange.request;
  if (method === "GET" || method === "HEAD") return true;
  const headers = { Allow: "GET, HEAD" };
  sendError(exchange, { status: 405, message: "This server is read-only", headers });
  return false;
}
