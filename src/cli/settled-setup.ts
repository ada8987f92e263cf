import type { Host } from "../host/host.ts";
import type { Answers } from "../plan/answers.ts";
import type { SetupRequest } from "../setup/request.ts";
import { foundTokens } from "../setup/tokens.ts";
import type { SettledRun } from "./leaving.ts";

/**
 * What an unattended setup needs beside the answers that are kept in the state folder: consent, the token, and where the
 * models go, for the Hub's variables win over a kept answer, but not over one that was just given.
 */
export async function settledSetup(
  host: Host,
  { stackDir, cacheDir }: Pick<SetupRequest, "stackDir" | "cacheDir">,
  { token, unsupported, storage }: Answers,
): Promise<SettledRun> {
  const flags = [
    "--yes",
    ...(unsupported ? ["--allow-unsupported"] : []),
    ...(cacheDir === null ? ["--storage", storage] : []),
  ];
  if (token.source === "none") return { flags, token: "none" };
  const [first] = await foundTokens(host, stackDir);
  const findsIt = first !== undefined && first.answer.token.reveal() === token.token.reveal();
  return { flags, token: findsIt ? null : token.token };
}
