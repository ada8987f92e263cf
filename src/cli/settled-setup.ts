import type { Host } from "../host/host.ts";
import type { Answers } from "../plan/answers.ts";
import { foundTokens } from "../setup/tokens.ts";
import type { SettledRun } from "./leaving.ts";

/** What an unattended setup needs beside the answers that are kept in the state folder: consent and the token. */
export async function settledSetup(
  host: Host,
  stackDir: string,
  { token, unsupported }: Answers,
): Promise<SettledRun> {
  const flags = ["--yes", ...(unsupported ? ["--allow-unsupported"] : [])];
  if (token.source === "none") return { flags, token: "none" };
  const [first] = await foundTokens(host, stackDir);
  const findsIt = first !== undefined && first.answer.token.reveal() === token.token.reveal();
  return { flags, token: findsIt ? null : token.token };
}
