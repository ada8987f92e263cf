import path from "node:path";
import { z } from "zod";
import type { Host } from "../host/host.ts";
import { errorCode } from "../run/failure.ts";
import { parseJson } from "../run/json.ts";
import { type FoundLogin, type RegistryLogin, Secret } from "../run/secret.ts";

type Place = Pick<Host, "files" | "processes" | "env" | "home" | "cwd">;

/** Docker Hub's name in Docker's files, since its first version. */
const hubKey = "https://index.docker.io/v1/";
/** A person may be asked for a passphrase meanwhile. */
const helperLimitMs = 60_000;
const maxHelperBytes = 64 * 1024;
const maxConfigBytes = 8 * 1024 * 1024;

/** Empty where there is none, or something else. */
const text = z
  .string()
  .nullish()
  .catch(null)
  .transform((value) => value ?? "");
const entry = z.object({ auth: text, username: text, password: text, identitytoken: text });
const configSchema = z.object({
  auths: z
    .record(z.string(), entry.catch({ auth: "", username: "", password: "", identitytoken: "" }))
    .nullish()
    .catch(null),
  credsStore: text,
  credHelpers: z.record(z.string(), z.string()).nullish().catch(null),
});
type Config = z.output<typeof configSchema>;
type Entry = z.output<typeof entry>;

/**
 * The login that `docker login` keeps for a registry, found as docker finds it: in DOCKER_AUTH_CONFIG, by the credential helper
 * that config.json names, or in config.json itself.
 * @param registry its host and port; `docker.io` is Docker Hub
 * @throws AbortError
 */
export async function findRegistryLogin(
  host: Place,
  registry: string,
  signal: AbortSignal,
): Promise<FoundLogin> {
  signal.throwIfAborted();
  const keys = keysOf(registry);
  const given = readConfig(host.env["DOCKER_AUTH_CONFIG"] ?? "");
  const ofEnvironment = loginOfEntry(entryFor(given, keys));
  if (ofEnvironment !== null) return { login: ofEnvironment, problem: null };
  const file = path.join(configFolder(host), "config.json");
  const read = await readText(host, file);
  if (read.problem !== null) return { login: null, problem: read.problem };
  const config = read.content === null ? null : readConfig(read.content);
  if (read.content !== null && config === null) {
    return { login: null, problem: `${file} is not valid JSON` };
  }
  const helper = helperFor(config, keys);
  return helper === null
    ? { login: loginOfEntry(entryFor(config, keys)), problem: null }
    : askHelper(host, { helper, server: keys[0] ?? registry, signal });
}

function configFolder({ env, home, cwd }: Place): string {
  const given = env["DOCKER_CONFIG"] ?? "";
  return given === "" ? path.join(home, ".docker") : path.resolve(cwd, given);
}

async function readText(
  { files }: Place,
  file: string,
): Promise<{ content: string | null; problem: string | null }> {
  try {
    const stats = await files.stat(file);
    if (!stats.isFile() || stats.size > maxConfigBytes) {
      return { content: null, problem: `${file} is not a file of text` };
    }
    return { content: await files.readFile(file, "utf8"), problem: null };
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return { content: null, problem: null };
    return { content: null, problem: `${file} can't be read (${code ?? "unknown error"})` };
  }
}

function readConfig(json: string): Config | null {
  return configSchema.safeParse(parseJson(json)).data ?? null;
}

/** The names of a registry in Docker's files; the first is the one that docker writes. */
function keysOf(registry: string): readonly string[] {
  return registry === "docker.io" ? [hubKey, "index.docker.io", "docker.io"] : [registry];
}

/** Older files have an address where later ones have a host: `https://ghcr.io/v1/`. */
function entryFor(config: Config | null, keys: readonly string[]): Entry | null {
  const auths = Object.entries(config?.auths ?? {});
  const hostOf = (key: string): string => key.replace(/^https?:\/\//u, "").split("/")[0] ?? "";
  for (const matches of [
    (key: string) => keys.includes(key),
    (key: string) => keys.includes(hostOf(key)),
  ]) {
    const found = auths.find(([key]) => matches(key));
    if (found !== undefined) return found[1];
  }
  return null;
}

/** `auth` is "username:password" in base64; some programs write the two beside it, or instead of it. */
function loginOfEntry(found: Entry | null): RegistryLogin | null {
  if (found === null) return null;
  const { auth, identitytoken: token, username, password } = found;
  if (token !== "") return { kind: "identity-token", token: new Secret(token) };
  const pair = Buffer.from(auth, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  // Some versions of docker end it with zeros.
  const [name, secret] =
    colon > 0
      ? [pair.slice(0, colon), pair.slice(colon + 1).replace(/\0+$/u, "")]
      : [username, password];
  return name === "" || secret === ""
    ? null
    : { kind: "password", username: name, password: new Secret(secret) };
}

function helperFor(config: Config | null, keys: readonly string[]): string | null {
  const helpers = config?.credHelpers ?? {};
  const own = keys.map((key) => helpers[key]).find((name) => name !== undefined && name !== "");
  return own ?? (config?.credsStore || null);
}

const helperAnswer = z.object({ Username: z.string(), Secret: z.string() });
/** https://github.com/docker/docker-credential-helpers: what a helper says on its standard output where it has nothing. */
const nothingKept = /credentials not found|no credentials (?:server URL|username)/iu;

/** Runs `docker-credential-HELPER get` as docker does: the registry on its standard input, the login on its standard output. */
async function askHelper(
  { processes }: Place,
  { helper, server, signal }: { helper: string; server: string; signal: AbortSignal },
): Promise<FoundLogin> {
  const command = `docker-credential-${helper}`;
  const none = (problem: string | null): FoundLogin => ({ login: null, problem });
  // Part of a command's name: it can't lead to a file elsewhere.
  if (!/^[\w.-]+$/u.test(helper)) return none(`${JSON.stringify(helper)} can't be a helper's name`);
  const { exitCode, stdout, timedOut, missing } = await processes.run({
    command,
    args: ["get"],
    input: server,
    timeoutMs: helperLimitMs,
    maxOutputBytes: maxHelperBytes,
    signal,
  });
  if (missing) return none(`${command} is not installed`);
  if (timedOut) return none(`${command} did not answer within ${helperLimitMs / 1000} s`);
  if (exitCode !== 0) {
    const status = exitCode === null ? "was stopped" : `failed with status ${exitCode}`;
    return none(nothingKept.test(stdout) ? null : `${command} ${status}`);
  }
  const answer = helperAnswer.safeParse(parseJson(stdout)).data;
  if (answer === undefined) return none(`${command} printed something else than a login`);
  const { Username: username, Secret: secret } = answer;
  if (secret === "") return none(null);
  const login: RegistryLogin =
    username === "<token>"
      ? { kind: "identity-token", token: new Secret(secret) }
      : { kind: "password", username, password: new Secret(secret) };
  return { login, problem: null };
}
