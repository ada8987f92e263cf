import { herosFile } from "../../deploy/compose/compose-files.ts";
import { envValue, readStackEnv } from "../../deploy/compose/env/env-file.ts";
import { isOpenToOthers } from "../../deploy/compose/readers.ts";
import type { Host } from "../../host/host.ts";

/** What of a stack's `.env` is not as it should be. */
export interface EnvState {
  /** Its path where it holds a password and others may read it; null where not. */
  readonly openPath: string | null;
  /** It says which files compose reads, and heros' own is among them. */
  readonly namesOurs: boolean;
}

/** By their names: what a value is, nobody can tell. */
const secretKey = /(?:PASSWORD|PASSWD|SECRET|TOKEN|API_KEY)$/i;

/** @throws Failure `stack.env_invalid` (2); the system's own errors */
export async function findEnvState(host: Host, stackDir: string): Promise<EnvState> {
  const { entries, found, path } = await readStackEnv(host, stackDir);
  if (found === null) return { openPath: null, namesOurs: false };
  const namesOurs = envValue(entries, "COMPOSE_FILE")?.includes(herosFile) === true;
  const holdsSecret = entries.some(({ key, start, end }) => secretKey.test(key) && end > start);
  if (!holdsSecret) return { openPath: null, namesOurs };
  const { mode } = await host.files.stat(path);
  return { openPath: (await isOpenToOthers(host, path, mode)) ? path : null, namesOurs };
}
