import { readEngineError } from "../../docker/engine.ts";
import type { Host } from "../../host/host.ts";
import { annieServiceName, standIns } from "./annie-service.ts";
import { runCompose } from "../../docker/compose.ts";
import { knownOutput, redactComposeOutput } from "../../docker/compose-failures.ts";
import { invalidBase } from "./compose-yaml.ts";
import { parseStackConfig, type StackConfig } from "../../docker/compose-config.ts";

export interface PlannedFiles {
  readonly host: Host;
  /** Absolute; it need not be there. */
  readonly stackDir: string;
  /** Absolute paths of the user's files, or of the base that heros would lay down. */
  readonly own: readonly string[];
  /** True where the base is not in the stack's folder yet. */
  readonly baseMissing: boolean;
  readonly port: number;
}

/**
 * What compose makes of files that are not written yet: the user's, and heros' own text after them. Nothing is written.
 * @param override text of `docker-compose.heros.yml`; null for the user's files alone
 * @returns null where there is no compose to ask
 * @throws Failure `stack.base_invalid` (exit 2) with compose's words
 */
export async function readPlannedConfig(
  files: PlannedFiles,
  override: string | null,
): Promise<StackConfig | null> {
  const { exitCode, stdout, stderr, missing, timedOut } = await askCompose(files, override, []);
  if (exitCode === 0) return parseStackConfig(stdout);
  if (missing || timedOut || !isVerdict(stderr)) return null;
  const reason = redactComposeOutput(stderr.trim().split("\n").at(-1) ?? "");
  throw invalidBase(
    `Docker Compose rejects the stack in ${files.stackDir}: ${reason}`,
    "Nothing was written. Fix the compose file, then run heros setup again.",
  );
}

/** The profiles that would switch Annie's service on; null where it is in none. */
export async function profilesOfAnnie(files: PlannedFiles): Promise<readonly string[] | null> {
  const { exitCode, stdout } = await askCompose(files, null, ["--profile", "*"]);
  const service = exitCode === 0 ? parseStackConfig(stdout)?.services[annieServiceName] : undefined;
  return service === undefined || service.profiles.length === 0 ? null : service.profiles;
}

async function askCompose(
  { host, stackDir, own, baseMissing, port }: PlannedFiles,
  override: string | null,
  flags: readonly string[],
) {
  const folder = await host.files.stat(stackDir).catch(() => null);
  return runCompose({
    host,
    stackDir: folder === null ? "/" : stackDir,
    args: [
      ...flags,
      // Else the folder of the first file is the project's, as where COMPOSE_FILE names it.
      ...(baseMissing ? ["--project-directory", stackDir] : []),
      ...own.flatMap((file) => ["-f", file]),
      ...(override === null ? [] : ["-f", "-"]),
      "config",
      "--format",
      "json",
    ],
    ...(override === null ? {} : { input: override }),
    env: { ...standIns, HER_OS_PORT: String(port) },
    timeoutMs: 15_000,
  });
}

/** Whether compose refused the files, rather than that it could not run. */
function isVerdict(stderr: string): boolean {
  if (readEngineError(stderr) !== null) return false;
  const known = knownOutput.find(({ pattern }) => pattern.test(stderr));
  return known === undefined || known.code === "stack.base_invalid";
}
