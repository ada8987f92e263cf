import { z } from "zod";
import type { ByteStream, HttpResponse, Reach } from "../../host/network.ts";
import type { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { isRecord, parseJson } from "../../run/json.ts";
import { discard, readBody, sendRequest, type Server, type SourceRequest } from "../request.ts";
import { partFailures, requestFailures, strangeAnswer, type RegistryName } from "./failures.ts";
import { type AuthorizationOptions, createAuthorization, type LoginState } from "./tokens.ts";

/** The kinds of manifests that are understood: the OCI's, and those of Docker's registries (schema 2). */
export const manifestTypes = {
  index: [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
  ],
  image: [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
  ],
};

type Answer = HttpResponse<ByteStream>;

/** The repository that is asked for, and the image whose sentences it is. */
export interface Asked {
  /** As the compose file names it, or the repository's name. */
  readonly image: string;
  /** At this registry. */
  readonly repository: string;
}

/** One registry, or one mirror, and who we are to it. */
export interface RegistrySession {
  readonly at: RegistryName;
  /** For one answer that is no layer. */
  readonly answerLimitMs: number;
  /** Media types of manifests. */
  readonly accept: readonly string[];
  /** Without who we are: for addresses that the registry sends us to. */
  readonly server: Server;
  loginState(): LoginState;
  /**
   * One request below `/v2/REPOSITORY/`. A 401 of the registry's own is answered once: it says how it wants to know us, or
   * that a token has ended. @throws as `sendRequest`
   */
  ask(
    asked: Asked,
    request: Omit<SourceRequest, "url"> & { readonly path: string },
  ): Promise<{ response: Answer; url: string; reach: Reach }>;
}

const anyManifest = [...manifestTypes.index, ...manifestTypes.image];

export function openSession(
  options: AuthorizationOptions & { readonly accept?: readonly string[] },
): RegistrySession {
  const { host, at, answerLimitMs, accept = anyManifest } = options;
  const { origin } = new URL(at.address);
  const authorization = createAuthorization(options);
  const { loginState } = authorization;
  const failures = requestFailures(at, () => loginState().used);
  const isOwn = (url: string): boolean => new URL(url).origin === origin;

  /** The login and its tokens go to the registry alone. */
  const serverWith = (header: string | null): Server => ({
    host,
    name: at.registry,
    authorization: (url): Record<string, string> =>
      header !== null && isOwn(url) ? { authorization: header } : {},
    failures,
  });

  return {
    at,
    answerLimitMs,
    accept,
    server: serverWith(null),
    loginState,
    async ask({ repository }, { path, ...request }) {
      const { signal } = request;
      const url = `${at.address}/v2/${repository}/${path}`;
      const sent = await authorization.headerFor(repository, signal);
      const first = await sendRequest(serverWith(sent), { ...request, url });
      if (first.response.status !== 401 || !isOwn(first.url)) return first;
      const challenges = first.response.headers["www-authenticate"] ?? "";
      const refused = { repository, sent, challenges, reach: first.reach };
      const another = await authorization.anotherAfter(refused, signal);
      if (another === null) return first;
      await discard(first.response);
      const second = await sendRequest(serverWith(another), { ...request, url });
      if (second.response.status === 401 && isOwn(second.url)) authorization.noteRefused(another);
      return second;
    },
  };
}

const maxErrorBytes = 64 * 1024;
const errorsSchema = z.object({
  errors: z
    .array(z.object({ code: z.string().catch(""), message: z.string().nullish().catch(null) }))
    .min(1),
});
type RegistryError = z.output<typeof errorsSchema>["errors"][number];

/**
 * The failure that an answer of 3xx or 4xx means. Whatever stands in the registry's place for a while does not answer in its words.
 * @param digest of the blob that was asked for; null for a manifest
 */
export async function refusal(
  { at, server, loginState }: RegistrySession,
  { image, repository }: Asked,
  response: Answer,
  digest: string | null,
): Promise<Failure> {
  const { status, headers } = response;
  const body = await readBody(response, server.failures, maxErrorBytes).catch(() => null);
  const text = body?.toString("utf8").trim() ?? "";
  const json = parseJson(text);
  const first = errorsSchema.safeParse(json).data?.errors[0] ?? ofModels(at, json);
  const { notFound, denied, incomplete } = partFailures(at);
  const signs = ["docker-distribution-api-version", "www-authenticate"];
  const isGarbled = (status === 403 || status === 404) && isGarbledJson(headers, text);
  if (first === undefined && !isGarbled && signs.every((name) => headers[name] === undefined)) {
    const kind =
      headers["content-type"]?.split(";")[0] ?? (text === "" ? "no content" : "unnamed content");
    const page = kind === "text/html" || text.startsWith("<") ? "a web page" : kind;
    return strangeAnswer(at, `status ${status} with ${page} for ${repository}`);
  }
  if (status === 401 || status === 403) {
    const { used: withLogin, refused, problem } = loginState();
    if (refused) return failure("registry.login_refused", at);
    return denied(image, { withLogin, said: wordsOf(first), problem });
  }
  if (status !== 404) {
    const code = first === undefined ? "" : ` (${first.code})`;
    const words = at.models === true ? wordsOf(first) : null;
    if (words !== null) return partFailures(at).unusable(image, `${at.registry} says: ${words}`);
    return strangeAnswer(at, `status ${status} for ${repository}${code}`);
  }
  if (digest !== null && first?.code !== "NAME_UNKNOWN") {
    return incomplete(image, digest);
  }
  const lacks = first?.code === "MANIFEST_UNKNOWN" ? "tag" : "repository";
  return notFound(image, lacks);
}

/** A registry's own answer that was cut, or is not written well: its status says enough. Pages of others name their kind, or look like one. */
function isGarbledJson(headers: Answer["headers"], text: string): boolean {
  const kind = headers["content-type"] ?? "";
  return text !== "" && !text.startsWith("<") && (kind === "" || /\bjson\b/iu.test(kind));
}

/** The Hub's registry for Ollama answers in its own words. */
function ofModels({ models }: RegistryName, json: unknown): RegistryError | undefined {
  const words = models === true && isRecord(json) ? json["error"] : undefined;
  return typeof words === "string" ? { code: "", message: words } : undefined;
}

/** The registry's own words in one line; null where they say no more than the status. */
function wordsOf(error: RegistryError | undefined): string | null {
  const words = (error?.message ?? "").replaceAll(/\s+/gu, " ").trim().slice(0, 200);
  const usual =
    /^(?:(?:requested )?access(?: to the resource is)? denied|authentication required|unauthorized|denied|forbidden|)\.?$/iu;
  return usual.test(words) ? null : words;
}
