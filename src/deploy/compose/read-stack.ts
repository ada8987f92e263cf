import path from "node:path";
import { parseStackConfig, type StackConfig } from "../../docker/compose.ts";
import type { Stack } from "../../catalog/stack.ts";
import type { Host } from "../../host/host.ts";
import { readIfThere } from "../../host/text-files.ts";
import { Failure } from "../../run/failure.ts";
import { fileFailure } from "../../run/file-failure.ts";
import { baseFileOf } from "./compose-files.ts";
import { type CoreOf, usualPort } from "./core-service.ts";
import { readPlannedConfig } from "./base.ts";
import { findBaseFile, findComposeFiles, herosFile } from "./compose-files.ts";
import {
  type ComposeText,
  invalidBase,
  isYamlMap,
  servicesOf,
  type YamlMap,
} from "./compose-yaml.ts";
import { lookupIn, readStackEnv } from "./env/env-file.ts";
import { substitute } from "./env/substitute.ts";

/**
 * The stack in a folder as compose merges it; where there is none, the one that heros would write there. Where there is no
 * compose to ask, what heros reads itself of the services: without `extends` and `include`.
 * @throws Failure `stack.base_invalid`, `stack.env_invalid` (exit 2), and of a folder that is none or can't be read
 */
export async function readStack(request: ReadStackRequest): Promise<StackConfig> {
  try {
    return await mergeStack(request);
  } catch (error) {
    throw fileFailure(error, { folder: request.stackDir, area: "stack" }) ?? error;
  }
}

/** The same, where the rest can be told without it; null where something is wrong with it. */
export async function findStack(request: ReadStackRequest): Promise<StackConfig | null> {
  try {
    return await readStack(request);
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

/** The same, with the first of its compose files. */
export async function findPlannedStack(
  request: ReadStackRequest,
): Promise<{ readonly config: StackConfig; readonly file: string } | null> {
  const config = await findStack(request);
  return config && { config, file: await findBaseFile(request.host, request.stackDir) };
}

interface ReadStackRequest {
  readonly host: Host;
  readonly stackDir: string;
  /** The folder `assets` of heros. */
  readonly assetsDir: string;
  readonly stack: CoreOf & Pick<Stack, "id" | "base">;
  /** Where the stack is to answer. */
  readonly port?: number;
}

async function mergeStack({
  host,
  stackDir,
  assetsDir,
  stack,
  port = usualPort(stack),
}: ReadStackRequest): Promise<StackConfig> {
  const env = await readStackEnv(host, stackDir);
  const heros = await readIfThere(host, path.join(stackDir, herosFile));
  const { own, baseMissing } = await findComposeFiles(host, env, heros);
  const paths = own.map((name, index) =>
    baseMissing && index === 0 ? baseFileOf(stack, assetsDir) : path.resolve(stackDir, name),
  );
  const asked = { host, stack, stackDir, own: paths, baseMissing, port };
  const config = await readPlannedConfig(asked, heros);
  if (config !== null) return config;
  const texts = await Promise.all(paths.map((file) => readIfThere(host, file)));
  const files = paths.map((file, index) => ({ path: file, text: texts[index] ?? "" }));
  const read = parseStackConfig(JSON.stringify({ services: readServices(files, lookupIn(env)) }));
  if (read !== null) return read;
  throw invalidBase(
    `The services of ${paths.join(", ")} can't be read`,
    "Fix the file. To check it, run docker compose config -q in its folder.",
  );
}

/** What of a service says which image it runs, and who waits for it. */
const imageKeys = ["image", "build", "pull_policy", "platform", "depends_on", "profiles"] as const;

function readServices(
  files: readonly ComposeText[],
  lookup: (name: string) => string | undefined,
): Record<string, YamlMap> {
  const services: Record<string, Record<string, unknown>> = {};
  for (const [name, service] of servicesOf(files)) {
    if (!isYamlMap(service)) continue;
    const merged = (services[name] ??= {});
    for (const key of imageKeys) {
      const value = service[key];
      if (value === undefined) continue;
      const isList = key === "depends_on" && Array.isArray(value);
      if (typeof value === "string") merged[key] = substitute(value, { lookup });
      else merged[key] = isList ? Object.fromEntries(value.map((each) => [each, {}])) : value;
    }
  }
  const on = (lookup("COMPOSE_PROFILES") ?? "").split(",");
  const runs = ({ profiles = [] }: Record<string, unknown>): boolean =>
    !Array.isArray(profiles) ||
    profiles.length === 0 ||
    profiles.some((each) => on.includes(String(each)));
  return Object.fromEntries(Object.entries(services).filter(([, service]) => runs(service)));
}
