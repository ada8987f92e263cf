import type { Host } from "../host/host.ts";
import { findTokens } from "../hub/environment.ts";
import type { TokenAnswer } from "../plan/answers.ts";
import type { FoundToken } from "../plan/planning.ts";
import type { Secret } from "../progress/secret.ts";

/** Tokens of the environment and of the Hub's token file, as answers to the question of the token. */
export async function foundTokens(host: Host): Promise<FoundToken[]> {
  const tokens = await findTokens(host);
  return tokens.map(({ token, source, where }) => ({ answer: { source, token }, where }));
}

/** The token itself, for the Hub and the stack. */
export function tokenOf(answer: TokenAnswer): Secret | null {
  return answer.source === "none" ? null : answer.token;
}

/** The token where nobody is asked: the one that was given, else the first that is found. */
export async function givenToken(
  host: Host,
  { tokenFile }: { readonly tokenFile: TokenAnswer | null },
): Promise<Secret | null> {
  return tokenOf(tokenFile ?? (await foundTokens(host))[0]?.answer ?? { source: "none" });
}
