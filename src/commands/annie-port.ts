import type { Host } from "../host/host.ts";
import { Failure } from "../run/failure.ts";
import { type AnnieAddress, askPublished } from "../deploy/compose/annie-service.ts";
import { lookupIn, readStackEnv } from "../deploy/compose/env/stack-env.ts";

export interface AnniePlace extends AnnieAddress {
  /** A port was asked for, and the user's compose file publishes another whatever is asked. */
  readonly portIgnored: boolean;
}

/** Where Annie answers: as the stack in the folder publishes her, else as asked for, as its `.env` says, or 8000. */
export async function anniePlace(
  host: Host,
  stackDir: string,
  asked: number | null,
): Promise<AnniePlace> {
  const wanted = asked ?? (await keptPort(host, stackDir));
  const published = await askPublished(host, stackDir, asked);
  if (published === null || published === "chosen") {
    return { host: "127.0.0.1", port: wanted, portIgnored: asked !== null && published !== null };
  }
  return { ...published, portIgnored: asked !== null && published.port !== asked };
}

async function keptPort(host: Host, stackDir: string): Promise<number> {
  const env = await readStackEnv(host, stackDir).catch((error: unknown) => {
    if (error instanceof Failure) throw error;
    return null;
  });
  const kept = env === null ? Number.NaN : Number(lookupIn(env)("HER_OS_PORT"));
  return Number.isInteger(kept) && kept > 0 && kept < 65_536 ? kept : 8000;
}
