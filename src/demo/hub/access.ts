import type { Exchange } from "./exchange.ts";
import { sendError } from "./exchange.ts";
import type { HostedRepo } from "./repository.ts";

/** Known tokens, each with the name of its owner. */
export type Tokens = Readonly<Record<string, string>>;

/** The token sent along; null for none. */
export function sentToken({ request }: Exchange): string | null {
  return /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? null;
}

/** Refuses a token that nobody knows, as the Hub does on every address. True where it did. */
export function refuseWrongToken(exchange: Exchange, tokens: Tokens): boolean {
  const token = sentToken(exchange);
  if (token === null || Object.hasOwn(tokens, token)) return false;
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
