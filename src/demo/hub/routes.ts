import type { Socket } from "node:net";
import { type Refusal, send, sendError } from "../../serve/exchange.ts";
import { hubSite } from "../../serve/hub/hub-site.ts";
import type {
  FoundCommit,
  ServedFile,
  ServedModels,
  WantedCommit,
} from "../../serve/hub/served-models.ts";
import { decode } from "../../serve/request-target.ts";
import { type Links, sendMadeUp } from "./content.ts";
import type { Gate, HubExchange, Quotas } from "./exchange.ts";
import { defaultRevision, findCommit, type HostedFile, type HostedRepo } from "./repository.ts";

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

/** Answers on the Hub's own origin: as `heros serve` does, over made-up models. */
export async function answerHub(exchange: HubExchange, world: World): Promise<void> {
  const { fault, url } = exchange;
  if (fault.answer !== undefined) return send(exchange, fault.answer);
  const names = url.pathname.split("/").slice(1).map(decode);
  if (names.includes(null)) {
    return sendError(exchange, { status: 400, message: "Malformed address" });
  }
  if (world.quotas.refuse(exchange, names[0] === "api" ? "api" : "resolvers")) return;
  if (refuseWrongToken(exchange, world)) return;
  const site = hubSite({ models: madeUpModels(exchange, world), pageSize: world.pageSize });
  if (await site.answer(exchange)) return;
  if (url.pathname === "/") {
    const headers = { "Content-Type": "text/html" };
    return send(exchange, { status: 200, headers, body: "<h1>Hub</h1>" });
  }
  const message = "Sorry, we can't find the page you are looking for.";
  sendError(exchange, { status: 404, message });
}

/** Answers on the content's origin: signed addresses alone. */
export async function answerContent(exchange: HubExchange, world: World): Promise<void> {
  if (exchange.fault.answer !== undefined) return send(exchange, exchange.fault.answer);
  const verdict = world.links.verify(exchange.url);
  const file = world.contentFiles.get(exchange.url.pathname);
  if (verdict !== "good" || file === undefined) {
    const reason = verdict === "expired" ? "Request has expired" : "Access Denied";
    return send(exchange, {
      status: 403,
      headers: { "Content-Type": "application/xml" },
      body: `<Error><Code>AccessDenied</Code><Message>${reason}</Message></Error>`,
    });
  }
  await sendMadeUp(exchange, {
    source: file.source,
    etag: (await file.identify()).blobName,
    headers: {},
    gates: () => world.gates(exchange.request.socket),
  });
}

/** The repositories of a world, as one client sees them. */
function madeUpModels(exchange: HubExchange, world: World): ServedModels {
  const token = sentToken(exchange);
  return {
    accountOf() {
      const name = token === null ? null : ownerOf(token, world);
      return name === null ? null : { name };
    },
    async find(_exchange, wanted): Promise<FoundCommit> {
      const renamed = world.renames[wanted.repo];
      if (renamed !== undefined) return { renamed };
      const repo = world.repos.get(wanted.repo);
      const refusal = repo === undefined ? unknown(token) : refusalOf(repo, wanted, token);
      if (repo === undefined || refusal !== null) return { refusal: refusal ?? unknown(token) };
      const revision = wanted.revision ?? defaultRevision(repo);
      const commit = findCommit(repo, revision);
      if (commit === undefined) {
        const message = `Invalid rev id: ${revision}`;
        return { refusal: { status: 404, code: "RevisionNotFound", message } };
      }
      const serveFile = (file: HostedFile) => serve(exchange, { world, repo, file });
      return {
        commit: {
          repo: repo.spec.id,
          sha: commit.sha,
          access: repo.spec.access ?? "public",
          list: async () => ({
            files: [...commit.files.values()].map(serveFile),
            isPartial: false,
          }),
          async file(path) {
            const file = commit.files.get(path);
            return file === undefined ? null : serveFile(file);
          },
        },
      };
    },
  };
}

interface ServeOptions {
  readonly world: World;
  readonly repo: HostedRepo;
  readonly file: HostedFile;
}

/** Small files come at once, LFS files from the other origin. */
function serve(exchange: HubExchange, { world, repo, file }: ServeOptions): ServedFile {
  const { path, source } = file;
  const { id, xet } = repo.spec;
  return {
    path,
    async identify() {
      const identity = await file.identify();
      const { sha256 } = identity;
      return xet === true && sha256 !== null ? { ...identity, xetHash: sha256 } : identity;
    },
    async send(_exchange, headers) {
      const { blobName, gitSha1 } = await file.identify();
      if (!file.lfs) {
        const gates = () => world.gates(exchange.request.socket);
        return sendMadeUp(exchange, { source, etag: gitSha1, headers, gates });
      }
      const contentPath = `/repos/${encodeURIComponent(id)}/${blobName}`;
      world.contentFiles.set(contentPath, file);
      const location = world.links.sign(contentPath);
      send(exchange, {
        status: 302,
        headers: {
          ...headers,
          ETag: `"${gitSha1}"`,
          "Accept-Ranges": "bytes",
          Location: location,
        },
        body: `Found. Redirecting to ${location}`,
      });
    },
  };
}

/** Known tokens, each with the name of its owner. */
export type Tokens = Readonly<Record<string, string>>;

/** The token sent along; null for none. */
function sentToken({ request }: HubExchange): string | null {
  return /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? null;
}

/** Whose token it is; null where it is nobody's. */
function ownerOf(token: string, { tokens, guest }: Pick<World, "tokens" | "guest">): string | null {
  if (Object.hasOwn(tokens, token)) return tokens[token] ?? null;
  return /^hf_[A-Za-z0-9]{17,}$/.test(token) ? guest : null;
}

/** Refuses a token that nobody knows, as the Hub does on every address. True where it did. */
function refuseWrongToken(exchange: HubExchange, world: World): boolean {
  const token = sentToken(exchange);
  if (token === null || ownerOf(token, world) !== null) return false;
  const message = "Invalid credentials in Authorization header";
  sendError(exchange, { status: 401, message });
  return true;
}

/** Why a client may not see the repository, or not its files; null where it may. */
function refusalOf(
  { spec }: HostedRepo,
  { purpose }: WantedCommit,
  token: string | null,
): Refusal | null {
  const { id, access = "public", readers } = spec;
  if (access === "public") return null;
  if (token !== null && (readers === undefined || readers.includes(token))) return null;
  if (access === "private") return unknown(token);
  if (purpose === "list") return null;
  const message =
    token === null
      ? `Access to model ${id} is restricted. You must have access to it and be authenticated to access it. Please log in.`
      : `Access to model ${id} is restricted and you are not in the authorized list.`;
  return { status: token === null ? 401 : 403, code: "GatedRepo", message };
}

/** No such repository, or one that must not be known of: without a token these look alike. */
function unknown(token: string | null): Refusal {
  const code = "RepoNotFound";
  if (token === null) return { status: 401, code, message: "Invalid username or password." };
  return { status: 404, code, message: "Repository not found" };
}
