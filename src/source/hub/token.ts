import { Failure } from "../../run/failure.ts";
import type { Secret } from "../../run/secret.ts";
import { tokenRefused } from "./failures.ts";
import type { Session } from "./request.ts";

/** `malformed`: it holds characters that no token has and no header may hold, and was not sent. */
export type TokenRefusal = "refused" | "malformed";

export interface TokenUse {
  readonly session: Session;
  /** By the Hub, in this run. */
  readonly refused: Set<Secret>;
  /** Absent where a token must be right. */
  readonly onTokenRefused: ((why: TokenRefusal) => void) | undefined;
}

/**
 * Asks with the token, and without it once it is known to be refused: a stale one keeps even what everybody may see from
 * being read. @throws Failure `hub.token_refused` where the token must be right, and what `call` throws
 */
export async function askWithToken<T>(
  { session, refused, onTokenRefused }: TokenUse,
  call: (session: Session) => Promise<T>,
): Promise<T> {
  const { token, endpoint } = session;
  const without = { ...session, token: null };
  if (token === null || refused.has(token)) return call(without);
  const drop = (why: TokenRefusal): void => {
    if (!refused.has(token)) onTokenRefused?.(why);
    refused.add(token);
  };
  if (!/^[\x21-\x7e]+$/u.test(token.reveal())) {
    if (onTokenRefused === undefined) throw tokenRefused(endpoint);
    drop("malformed");
    return call(without);
  }
  try {
    return await call(session);
  } catch (error) {
    const stale = error instanceof Failure && error.code === "hub.token_refused";
    if (!stale || onTokenRefused === undefined) throw error;
    drop("refused");
    return call(without);
  }
}
