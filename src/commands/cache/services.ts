import path from "node:path";
import {
  type CacheMount,
  cacheService,
  dockerRunFlags,
  mountCache,
  readShared,
  type SharedCache,
  shareText,
} from "../../deploy/compose/cache-mount.ts";
import { findComposeFiles } from "../../deploy/compose/compose-files.ts";
import { envValue, readStackEnv } from "../../deploy/compose/env/env-file.ts";
import { composeFailure } from "../../docker/compose-failures.ts";
import { parseStackConfig, runCompose, type StackConfig } from "../../docker/compose.ts";
import { askContainerUser, type ContainerUser } from "../../docker/container-user.ts";
import { askEnginePlace } from "../../docker/engine.ts";
import { readImageSettings } from "../../docker/image-contents.ts";
import { readIfThere, writeAtomically } from "../../host/text-files.ts";
import { fileFailure } from "../../run/file-failure.ts";
import { failure } from "../../run/failures/table.ts";
import { inFolder, quoted } from "../../run/shell-quote.ts";
import type { Work } from "../command-request.ts";
import { judgeAccess, named } from "./access.ts";
import { type ShareRequest, tellRootsFiles, tellToken } from "./share.ts";

const usualFile = "docker-compose.cache.yml";
const configLimitMs = 15_000;

/** The compose files of a stack as its `.env` or their names choose them, without the one that heros writes here. */
interface ChosenFiles {
  /** As COMPOSE_FILE names them, or as they are found. */
  readonly names: readonly string[];
  readonly separator: string;
  /** Whether `.env` names our file already. */
  readonly hasOurs: boolean;
}

type Service = StackConfig["services"][string];

/** Writes the mounts of these services into a file beside the user's. @returns the lines of the answer */
export async function shareWithServices(
  work: Work,
  request: ShareRequest,
  cache: SharedCache,
): Promise<readonly string[]> {
  const { host, emit } = work;
  const { services, dryRun, settings } = request;
  const { stackDir } = settings;
  const file = path.resolve(stackDir, request.write ?? usualFile);
  const chosen = await chooseFiles(work, stackDir, file);
  const config = await readOwnConfig(work, stackDir, chosen);
  const known = Object.keys(config.services);
  const before = await readIfThere(host, file);
  const shared = before === null ? {} : readShared({ path: file, text: before });
  if (shared === null) throw failure("cache.share_foreign", { file });

  const lines: string[] = [];
  const added: Record<string, unknown> = {};
  for (const name of new Set(services)) {
    const service = config.services[name];
    if (service === undefined) {
      throw failure("stack.service_unknown", { service: name, services: known, stackDir });
    }
    const mount = await mountFor(work, { name, service, cache });
    if (isMounted(service, mount)) {
      lines.push(`${name} mounts ${mount.source} already, by your own compose file.`);
      continue;
    }
    requireFree(name, service, mount);
    added[name] = cacheService(mount);
    emit({ type: "cache.shared", service: name, run: dockerRunFlags(mount), ...mount });
    lines.push(
      `${name} finds the cache at ${mount.cacheTarget}${mount.readOnly ? ", read-only" : ""}.`,
    );
  }
  await tellToken(work, cache);
  if (Object.keys(added).length === 0) return lines;

  // Those of earlier calls stay, unless the stack has them no longer: compose would refuse the file.
  const kept = Object.entries(shared).filter(([name]) => known.includes(name));
  const text = shareText({ ...Object.fromEntries(kept), ...added });
  if (dryRun) return [...lines, `${file} would be:`, ...text.trimEnd().split("\n")];
  const action = before === null ? "created" : before === text ? "unchanged" : "updated";
  if (action !== "unchanged") await write(work, file, text);
  emit({ type: "file.written", path: file, action });
  return [...lines, ...startLines({ stackDir, file, chosen, names: Object.keys(added) })];
}

async function chooseFiles({ host }: Work, stackDir: string, ours: string): Promise<ChosenFiles> {
  try {
    const env = await readStackEnv(host, stackDir);
    const separator = envValue(env.entries, "COMPOSE_PATH_SEPARATOR") || ":";
    const current = envValue(env.entries, "COMPOSE_FILE") || null;
    const listed = current?.split(separator).filter((name) => name !== "") ?? null;
    const isOurs = (name: string) => path.resolve(stackDir, name) === ours;
    if (listed !== null) {
      const names = listed.filter((name) => !isOurs(name));
      return { names, separator, hasOurs: names.length < listed.length };
    }
    const { own, baseMissing } = await findComposeFiles(host, env, null);
    if (!baseMissing) return { names: own, separator, hasOurs: false };
  } catch (error) {
    throw fileFailure(error, { folder: stackDir, area: "stack" }) ?? error;
  }
  throw failure("cache.share_no_stack", { folder: stackDir });
}

/** The stack without our file: what the user's own files say. */
async function readOwnConfig(
  { host, signal }: Work,
  stackDir: string,
  { names, separator }: ChosenFiles,
): Promise<StackConfig> {
  const result = await runCompose({
    host,
    stackDir,
    signal,
    // Services of profiles that are off can be named, too.
    args: ["--profile", "*", "config", "--format", "json"],
    env: { COMPOSE_FILE: names.join(separator), COMPOSE_PATH_SEPARATOR: separator },
    timeoutMs: configLimitMs,
  });
  const config = result.exitCode === 0 ? parseStackConfig(result.stdout) : null;
  if (config !== null) return config;
  if (result.timedOut) throw failure("docker.no_answer");
  const place = await askEnginePlace(host, signal);
  throw composeFailure({ ...result, stackDir, place, action: "config" });
}

/** Where the service looks for models, once its user may use them. @throws Failure `cache.share_denied` (1) */
async function mountFor(
  work: Work,
  { name, service, cache }: { name: string; service: Service; cache: SharedCache },
): Promise<CacheMount> {
  const { host, signal } = work;
  const { image } = service;
  const [user, ofImage] = await Promise.all([
    askContainerUser({ host, signal }, service),
    image === undefined ? null : readImageSettings({ host, image, signal }),
  ]);
  const environment = { ...variablesOf(ofImage?.environment ?? []), ...service.environment };
  const mount = mountCache(cache, { uid: user?.uid ?? null, environment });
  if (user === null) {
    work.emit({
      type: "notice",
      level: "warning",
      code: "cache.share_user_unknown",
      message: `Docker does not say whom ${name} runs as, so nobody checked that it may use the cache.`,
      hint: `Get its image (docker compose pull ${quoted(name)}, or docker compose build ${quoted(name)}), then run this again.`,
    });
  } else if (user.uid !== 0) await requireAccess(work, { name, user, mount, cache });
  else if (!cache.readOnly) await tellRootsFiles(work, name, cache.cacheDir);
  return mount;
}

async function requireAccess(
  { host, emit }: Work,
  asked: {
    readonly name: string;
    readonly user: ContainerUser;
    readonly mount: CacheMount;
    readonly cache: SharedCache;
  },
): Promise<void> {
  const { name, user, mount, cache } = asked;
  const { cacheDir, readOnly } = cache;
  const roots = [...new Set([mount.source, cacheDir])];
  const found = await judgeAccess(host, { roots, cacheDir, user });
  const { uid, gid } = await host.files.stat(cacheDir);
  const denied = { service: name, uid: user.uid, owner: `${uid}:${gid}` };
  if (found.unreadable.length > 0) {
    throw failure("cache.share_denied", { ...denied, needs: "read", ...named(found.unreadable) });
  }
  if (!readOnly && found.unwritable.length > 0) {
    throw failure("cache.share_denied", { ...denied, needs: "write", ...named(found.unwritable) });
  }
  const [link] = found.outside;
  if (link === undefined) return;
  emit({
    type: "notice",
    level: "warning",
    code: "cache.share_outside",
    message: `${link} is a link to a folder outside the cache, which ${name} can't follow.`,
    hint: "To share that model too, move its folder into the cache.",
  });
}

function variablesOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const [key = "", ...rest] = line.split("=");
      return [key, rest.join("=")];
    }),
  );
}

/** The very same mount is in the user's own file. */
function isMounted({ volumes }: Service, { source, target }: CacheMount): boolean {
  return volumes.some(
    (volume) =>
      volume.type === "bind" && volume.source === source && withoutSlash(volume.target) === target,
  );
}

/** Compose would put ours in the place of another at the same target; one further down would hide it. */
function requireFree(service: string, { volumes, tmpfs }: Service, mount: CacheMount): void {
  const places = [
    ...volumes.map(({ type, source = "", target }) => ({
      target: withoutSlash(target),
      source: type === "bind" ? source : source === "" ? `a ${type}` : `the ${type} ${source}`,
    })),
    ...tmpfs.map((each) => ({ target: withoutSlash(each.split(":")[0] ?? ""), source: "a tmpfs" })),
  ];
  const taken = places.find(
    ({ target }) =>
      target === mount.target ||
      target === mount.cacheTarget ||
      target.startsWith(`${mount.cacheTarget}/`),
  );
  if (taken !== undefined) throw failure("cache.share_taken", { service, ...taken });
}

function withoutSlash(target: string): string {
  return target.replace(/(.)\/+$/u, "$1");
}

async function write({ host }: Work, file: string, content: string): Promise<void> {
  try {
    await writeAtomically({ host, path: file, content, mode: 0o644 });
  } catch (error) {
    throw fileFailure(error, { folder: path.dirname(file), area: "stack" }) ?? error;
  }
}

function startLines({
  stackDir,
  file,
  chosen: { names, separator, hasOurs },
  names: services,
}: {
  readonly stackDir: string;
  readonly file: string;
  readonly chosen: ChosenFiles;
  readonly names: readonly string[];
}): string[] {
  const up = `up -d ${services.map(quoted).join(" ")}`;
  if (hasOurs) return [`Start: ${inFolder(stackDir, `docker compose ${up}`)}`];
  const relative = path.relative(stackDir, file);
  const all = [...names, relative.startsWith("..") ? file : relative];
  const flags = all.map((each) => `-f ${quoted(each)}`).join(" ");
  return [
    `Start: ${inFolder(stackDir, `docker compose ${flags} ${up}`)}`,
    `To leave out -f from now on, put this line into ${path.join(stackDir, ".env")}: COMPOSE_FILE=${all.join(separator)}`,
  ];
}
