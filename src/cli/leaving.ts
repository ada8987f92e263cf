import type { Host } from "../host/host.ts";
import type { Answers } from "../plan/answers.ts";
import type { Secret } from "../progress/secret.ts";
import { foundTokens } from "../setup/tokens.ts";

/** Whether the person wants the run to go on in the background, and what the other process must know then. */
export interface Leaving {
  isWanted(): boolean;
  want(): void;
  /** What was settled beside the command line; by default nothing. */
  settled: () => Promise<SettledRun>;
}

export interface SettledRun {
  readonly flags: readonly string[];
  /** "none": it must use none, whatever it finds; null: it finds the same one by itself. */
  readonly token: Secret | "none" | null;
}

export function createLeaving(): Leaving {
  let wanted = false;
  return {
    isWanted: () => wanted,
    want() {
      wanted = true;
    },
    settled: async () => ({ flags: [], token: null }),
  };
}

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
