import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import { answerContent, answerHub, type Tokens, type World } from "./routes.ts";
import {
  beginExchange,
  type Intercept,
  PlayedResponse,
  type RecordedRequest,
  type HubClock,
  createGate,
  createQuotas,
  type Gate,
  type Quotas,
  type RateLimits,
  type Throttle,
} from "./exchange.ts";
import { createLinks } from "./content.ts";
import { realClock } from "../../host/real-host.ts";
import {
  addCommit,
  defaultRevision,
  findCommit,
  type HostedFile,
  type HostedRepo,
  type RepoSpec,
} from "./repository.ts";

export interface HubOptions {
  readonly repos: readonly RepoSpec[];
  /** Default none: every token is refused. */
  readonly tokens?: Tokens;
  /** Whose every other token is that looks like one of the Hub's; left out: nobody's, and it is refused. */
  readonly guest?: string;
  /** Old id to new id. */
  readonly renames?: Readonly<Record<string, string>>;
  readonly throttle?: Throttle;
  /** Measures the throttle and delays. Default: the real one. */
  readonly clock?: HubClock;
  readonly intercept?: Intercept;
  /** Entries of a tree in one answer. Default 1000. */
  readonly pageSize?: number;
  /** Default 3600. */
  readonly linkLifetimeSeconds?: number;
  readonly rateLimits?: RateLimits;
  /** Default: any free one. */
  readonly port?: number;
}

/** A Hub on loopback. Everything but the bytes is as on the real one. */
export interface EmbeddedHub {
  /** `http://127.0.0.1:PORT`, for HF_ENDPOINT. */
  readonly endpoint: string;
  /** The other origin, to which LFS files are redirected. */
  readonly contentOrigin: string;
  /** Every request so far, on both origins, in order. */
  readonly requests: readonly RecordedRequest[];
  /** Bytes of file content sent so far: in all, of a repository, or of a file. */
  sentBytes(of?: { readonly repo?: string; readonly path?: string }): number;
  /** The commit that a branch points to. @throws Error for an unknown one */
  commit(repo: string, revision?: string): string;
  /** @throws Error for an unknown one */
  file(repo: string, path: string, revision?: string): HostedFile;
  /** Adds a repository, or a commit to one: its branch moves. Returns the commit. */
  publish(repo: RepoSpec): string;
  setThrottle(throttle: Throttle): void;
  /** What lets bytes pass on this connection, for what shares its line. */
  gates(socket: Socket): readonly Gate[];
  setIntercept(intercept: Intercept | undefined): void;
  /** Signed addresses given out so far answer 403 from now on. */
  expireLinks(): void;
  forgetRequests(): void;
  /** Ends at once, whatever is under way. */
  close(): Promise<void>;
}

/** Starts a Hub with these repositories; nothing of their content is held in memory or on disk. */
export async function startHub(options: HubOptions): Promise<EmbeddedHub> {
  const repos = new Map<string, HostedRepo>();
  for (const spec of options.repos) repos.set(spec.id, addCommit(spec, repos.get(spec.id)));
  const requests: RecordedRequest[] = [];
  const contentFiles = new Map<string, HostedFile>();
  const connectionGates = new WeakMap<Socket, Gate>();
  const { clock = realClock } = options;
  const quotas: Quotas = createQuotas(options.rateLimits);
  let intercept = options.intercept;
  let throttle = options.throttle ?? {};
  let sharedGate: Gate | null = null;
  setThrottle(throttle);

  function setThrottle(next: Throttle) {
    throttle = next;
    sharedGate = next.bytesPerSecond === undefined ? null : createGate(next.bytesPerSecond, clock);
  }

  function gates(socket: Socket): Gate[] {
    const rate = throttle.bytesPerSecondPerConnection;
    const result = sharedGate === null ? [] : [sharedGate];
    if (rate === undefined) return result;
    let gate = connectionGates.get(socket);
    if (gate?.bytesPerSecond !== rate)
      connectionGates.set(socket, (gate = createGate(rate, clock)));
    return [gate, ...result];
  }

  async function handle(
    origin: "hub" | "content",
    request: IncomingMessage,
    response: PlayedResponse,
  ): Promise<void> {
    const exchange = beginExchange(request, response, {
      origin,
      base: origin === "hub" ? endpoint : contentOrigin,
      number: requests.length + 1,
      file: (url) => requestedFile(origin, url),
      intercept(record) {
        requests.push(record);
        return intercept?.(record);
      },
    });
    const { fault, signal } = exchange;
    const delayMs = (throttle.latencyMs ?? 0) + (fault.delayMs ?? 0);
    if (delayMs > 0) await clock.sleep(delayMs, signal);
    await fault.until;
    if (fault.reset === true && fault.cutAfterBytes === undefined) request.socket.resetAndDestroy();
    else if (origin === "hub") await answerHub(exchange, world);
    else await answerContent(exchange, world);
  }

  function requestedFile(origin: "hub" | "content", url: URL) {
    const hosted = origin === "content" ? contentFiles.get(url.pathname) : undefined;
    if (hosted !== undefined) return { repo: hosted.repo, path: hosted.path };
    const match = /^\/([^/]+\/[^/]+)\/resolve\/[^/]+\/(.+)$/.exec(url.pathname);
    const [, repo, path] = match ?? [];
    return repo === undefined || path === undefined ? null : { repo, path: safeDecode(path) };
  }

  const servers = (["hub", "content"] as const).map((origin) =>
    createServer(
      { keepAliveTimeout: 30_000, ServerResponse: PlayedResponse },
      (request, response) => {
        handle(origin, request, response).catch((error: unknown) => {
          if (response.destroyed || request.socket.destroyed) return;
          response.destroy(error instanceof Error ? error : undefined);
        });
      },
    ),
  );
  const [endpoint, contentOrigin] = (await Promise.all(
    servers.map((server, index) => listen(server, index === 0 ? (options.port ?? 0) : 0)),
  )) as [string, string];

  const links = createLinks(() => contentOrigin, options.linkLifetimeSeconds ?? 3600);
  const world: World = {
    repos,
    tokens: options.tokens ?? {},
    guest: options.guest ?? null,
    renames: options.renames ?? {},
    pageSize: options.pageSize ?? 1000,
    quotas,
    links,
    contentFiles,
    gates,
  };

  function commitOf(repo: string, revision?: string) {
    const hosted = repos.get(repo);
    const commit = hosted && findCommit(hosted, revision ?? defaultRevision(hosted));
    if (commit === undefined) throw new Error(`the embedded Hub has no ${repo} at ${revision}`);
    return commit;
  }

  return {
    endpoint,
    contentOrigin,
    requests,
    sentBytes: ({ repo, path } = {}) =>
      requests
        .filter(({ file }) => repo === undefined || file?.repo === repo)
        .filter(({ file }) => path === undefined || file?.path === path)
        .reduce((sum, request) => sum + request.sentBytes, 0),
    commit: (repo, revision) => commitOf(repo, revision).sha,
    file(repo, path, revision) {
      const file = commitOf(repo, revision).files.get(path);
      if (file === undefined) throw new Error(`the embedded Hub has no ${path} in ${repo}`);
      return file;
    },
    publish(spec) {
      repos.set(spec.id, addCommit(spec, repos.get(spec.id)));
      return commitOf(spec.id, spec.branch ?? "main").sha;
    },
    setThrottle,
    gates,
    setIntercept: (next) => void (intercept = next),
    expireLinks: () => links.expireAll(),
    forgetRequests: () => void (requests.length = 0),
    async close() {
      await Promise.all(
        servers.map(
          (server) =>
            new Promise<void>((resolve) => {
              server.close(() => resolve());
              server.closeAllConnections();
            }),
        ),
      );
    },
  };
}

function listen(
  server: Server<typeof IncomingMessage, typeof PlayedResponse>,
  port: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
    });
  });
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
