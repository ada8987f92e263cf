import type { Host } from "../host/host.ts";
import { findTokens } from "../source/hub/environment.ts";
import type { TokenAnswer } from "../plan/answers.ts";
import type { FoundToken } from "../plan/interview.ts";
import { Secret } from "../run/secret.ts";
import { keptTokenFile } from "../deploy/compose/deployment.ts";

/** Tokens of the environment, of the Hub's token file, and of an earlier setup, as answers to the question of the token. */
export async function foundTokens(host: Host, stackDir: string | null): Promise<FoundToken[]> {
  const [found, kept] = await Promise.all([
    findTokens(host),
    stackDir === null ? [] : keptToken(host, keptTokenFile(stackDir)),
  ]);
  const tokens = found.map(({ token, source, where }) => ({
    answer: { source, token, where },
    where,
  }));
  const isNew = (token: Secret): boolean =>
    tokens.every(({ answer }) => !answer.token.equals(token));
  return [...tokens, ...kept.filter(({ answer }) => isNew(answer.token))];
}

async function keptToken(host: Host, file: string): Promise<FoundToken[]> {
  const value = (await host.files.readFile(file, "utf8").catch(() => "")).trim();
  if (!/^[\x21-\x7e]+$/.test(value)) return [];
  const where = file.startsWith(`${host.home}/`) ? `~${file.slice(host.home.length)}` : file;
  return [{ answer: { source: "kept", token: new Secret(value), where }, where }];
}

/** The token itself, for the Hub. */
export function tokenOf(answer: TokenAnswer): Secret | null {
  return answer.source === "none" ? null : answer.token;
}

/** The token where nobody is asked: the one that was given, else the first that is found. */
export async function givenToken(
  host: Host,
  { tokenFile }: { readonly tokenFile: TokenAnswer | null },
): Promise<TokenAnswer> {
  return tokenFile ?? (await foundTokens(host, null))[0]?.answer ?? { source: "none" };
}
