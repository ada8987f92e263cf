import type { Host } from "../host/host.ts";
import { Failure } from "../progress/failure.ts";
import { lookupIn, readStackEnv } from "../stack/env/stack-env.ts";

/** Where Annie answers: as asked for, else as the stack's `.env` says, else 8000. */
export async function anniePort(
  host: Host,
  stackDir: string,
  asked: number | null,
): Promise<number> {
  if (asked !== null) return asked;
  const env = await readStackEnv(host, stackDir).catch((error: unknown) => {
    if (error instanceof Failure) throw error;
    return null;
  });
  const kept = env === null ? Number.NaN : Number(lookupIn(env)("HER_OS_PORT"));
  return Number.isInteger(kept) && kept > 0 && kept < 65_536 ? kept : 8000;
}
