import path from "node:path";
import type { Host } from "../host/host.ts";
import { envValue, readEnvFile } from "../stack/env-file.ts";
import { readIfThere } from "../stack/files.ts";

/** Where Annie answers: as asked for, else as the stack's `.env` says, else 8000. */
export async function anniePort(
  host: Host,
  stackDir: string,
  asked: number | null,
): Promise<number> {
  if (asked !== null) return asked;
  const file = path.join(stackDir, ".env");
  const text = await readIfThere(host, file).catch(() => null);
  if (text === null) return 8000;
  const kept = Number(envValue(readEnvFile(text, file), "HER_OS_PORT"));
  return Number.isInteger(kept) && kept > 0 && kept < 65_536 ? kept : 8000;
}
