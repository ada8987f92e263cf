import type { Host } from "../host/host.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import type { StackConfig, StackService } from "./stack-config.ts";

export interface KeptDataRequest {
  readonly host: Host;
  readonly config: StackConfig;
  /** The passwords that are to be made. */
  readonly passwords: readonly string[];
  /** The `.env` that they would stand in. */
  readonly envPath: string;
}

interface Database {
  readonly image: RegExp;
  /** Where it keeps its data, in the container. */
  readonly data: RegExp;
}

/** By the variable of its password. */
const databases: Readonly<Record<string, Database>> = {
  POSTGRES_PASSWORD: { image: /postgres|postgis|pgvector|timescale/i, data: /\/postgres(?:ql)?\b/ },
  NEO4J_PASSWORD: { image: /neo4j/i, data: /^\/(?:var\/lib\/neo4j\/)?data\b/ },
};

/**
 * A database keeps the password that it was made with: where its data are there, a new one locks everybody out.
 * @throws Failure `stack.password_lost` (exit 2)
 */
export async function requireNoData(request: KeptDataRequest): Promise<void> {
  const { host, config, passwords, envPath } = request;
  for (const name of passwords) {
    const database = databases[name];
    if (database === undefined) continue;
    const volumes = Object.values(config.services)
      .filter(({ image = "" }) => database.image.test(image))
      .flatMap((service) => service.volumes.filter(({ target }) => database.data.test(target)));
    for (const volume of volumes) {
      const place = await dataIn(host, config, volume);
      if (place !== null) throw passwordLost(name, place, envPath);
    }
  }
}

/** What a person would call the volume or the folder, where something is in it; null where nothing is. */
async function dataIn(
  host: Host,
  { volumeNames }: StackConfig,
  { type, source }: StackService["volumes"][number],
): Promise<string | null> {
  if (source === undefined) return null;
  if (type === "volume") {
    const name = volumeNames.get(source) ?? source;
    const { exitCode } = await host.processes.run({
      command: "docker",
      args: ["volume", "inspect", name],
      timeoutMs: 15_000,
    });
    return exitCode === 0 ? `the volume ${name}` : null;
  }
  if (type !== "bind") return null;
  try {
    return (await host.files.readdir(source)).length === 0 ? null : source;
  } catch (error) {
    // A database closes its folder to others.
    const closed = error instanceof Error && "code" in error && error.code === "EACCES";
    return closed ? source : null;
  }
}

function passwordLost(name: string, place: string, envPath: string): Failure {
  return new Failure({
    code: "stack.password_lost",
    message: `There is already a database in ${place}, and ${name}, which it was made with, is not set.`,
    hint: `Put its line, ${name}=…, back into ${envPath}, then run heros setup again. A new password would not open that database.`,
    exitCode: exitCodes.usage,
  });
}
