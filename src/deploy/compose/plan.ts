import path from "node:path";
import { failure } from "../../run/failures/table.ts";
import type { StackConfig } from "../../docker/compose.ts";
import type { Host } from "../../host/host.ts";
import type { Notice } from "../../run/events/run.ts";
import { fileFailure } from "../../run/file-failure.ts";
import { formatStamp } from "../../run/units.ts";
import { Secret } from "../../run/secret.ts";
import {
  findComposeFiles,
  herosFile,
  newBaseFile,
  projectFolder,
  type ComposeFiles,
} from "./compose-files.ts";
import {
  requireNoData,
  requireOwnOfRoot,
  requireReplaceable,
  requireWritable,
} from "./preconditions.ts";
import {
  type Deployment,
  keptTokenFile,
  type NeededFolder,
  type StackChange,
} from "./deployment.ts";
import { keysAlone, redactLines, type ShowLines, unifiedDiff } from "./diff.ts";
import {
  lookupIn,
  readStackEnv,
  shownEnv,
  type StackEnv,
  editEnv,
  type EnvEdit,
} from "./env/env-file.ts";
import { readIfThere } from "../../host/text-files.ts";
import {
  changedNotices,
  type PlannedFiles,
  readBase,
  readPlannedConfig,
  validateBase,
} from "./base.ts";
import { editedByHand, overrideText } from "./override.ts";
import { annieServiceName, warmupServiceName } from "./annie-service.ts";
import { planTokenMount } from "./token-mount.ts";
import { requiredPasswords } from "./required-passwords.ts";
import { readWarmupBase } from "./warmup.ts";
import { randomBytes } from "node:crypto";
import { type Reference, substitute, SubstitutionError } from "./env/substitute.ts";

export interface DeploymentRequest {
  readonly host: Host;
  /** Absolute. */
  readonly stackDir: string;
  readonly plan: Deployment;
  /** The folder `assets` of heros. */
  readonly assetsDir: string;
}

export interface PlannedDeployment {
  /** Every file of the stack, in the order in which to write them, with what would change. */
  readonly changes: readonly StackChange[];
  /** Services that compose will run. */
  readonly services: readonly string[];
  /** What compose makes of these files; null where there is none to ask. */
  readonly config: StackConfig | null;
  /** What the person should know of their own files before anything starts. */
  readonly notices: readonly Notice[];
}

/**
 * What would be written; writes nothing. Where there is a compose to ask, it has accepted the user's files, and ours with them.
 * @throws Failure `stack.not_writable`, `stack.other_owner`, `stack.base_invalid`, `stack.env_invalid`,
 * `stack.profile_off`, `stack.no_port`, `stack.password_lost`
 */
export async function planDeployment(request: DeploymentRequest): Promise<PlannedDeployment> {
  const { host, stackDir, plan, assetsDir } = request;
  try {
    const existing = await requireWritable(host, stackDir);
    const env = await readStackEnv(host, stackDir);
    const herosPath = path.join(stackDir, herosFile);
    const oldHeros = await readIfThere(host, herosPath);
    const files = await findComposeFiles(host, env, oldHeros);
    const base = await host.files.readFile(path.join(assetsDir, "compose", newBaseFile), "utf8");
    const own = await Promise.all(
      files.own.map(async (name, index) => {
        const file = path.resolve(stackDir, name);
        const isNew = files.baseMissing && index === 0;
        const text = isNew ? base : await readNamed(host, file);
        return { path: file, before: isNew ? null : text, text };
      }),
    );
    const { reservesGpu, texts, services, reachOut } = readBase(own);
    const planned: PlannedFiles = {
      host,
      stackDir,
      own: own.map(({ path: file, before }) =>
        before === null ? path.join(assetsDir, "compose", newBaseFile) : file,
      ),
      baseMissing: files.baseMissing,
      port: plan.port,
    };
    const checked = await validateBase(planned);
    const projectDir = projectFolder(stackDir, files);
    const projectEnv =
      projectDir === stackDir ? env : await readStackEnv(host, projectDir, lookupIn(env));
    const tokenPath = keptTokenFile(stackDir);
    const secretsDir = path.dirname(tokenPath);
    await requireOwnOfRoot(host, [
      existing,
      env.path,
      projectEnv.path,
      herosPath,
      secretsDir,
      tokenPath,
      ...own.map((file) => file.path),
    ]);
    const stackFolder: NeededFolder = { path: stackDir, mode: 0o755, area: "stack" };
    const changes: StackChange[] = [];

    const oldToken = await readIfThere(host, tokenPath);
    const token = plan.token?.reveal() ?? oldToken;
    if (token !== null) {
      changes.push(
        change(tokenPath, oldToken, token, {
          mode: 0o600,
          forbiddenBits: 0o077,
          folders: [stackFolder, { path: secretsDir, mode: 0o700, area: "stack", closed: true }],
          show: () => ["[secret]"],
          secret: true,
        }),
      );
    }

    for (const { path: file, before, text } of own) {
      const folders = before === null ? [stackFolder] : [];
      changes.push(change(file, before, text, { folders, secret: before !== null }));
    }

    const warmup =
      plan.startup === "warmup" ? await readWarmupBase({ files: planned, own, plan }) : null;
    const isKept = token !== null;
    const { tokenFor, notices: withheld } = await planTokenMount({
      host,
      stackDir,
      wanted: {
        core: isKept && plan.tokenFor.core,
        warmup: isKept && warmup !== null && plan.tokenFor.warmup,
      },
      users: { core: checked?.user ?? null, warmup: warmup?.user ?? null },
    });
    const gpuServices = [...(plan.gpu ? (checked?.imagesWithoutGpu ?? []) : [])].flatMap(
      ([name, image]) => (plan.needsGpu(image) ? [name] : []),
    );
    const newHeros = overrideText({
      plan: { ...plan, tokenFor },
      warmup,
      gpuReserved: checked?.reservesGpu ?? reservesGpu,
      gpuServices,
      publish: checked?.publish ?? false,
      secretTaken: checked?.secretTaken ?? false,
      chosen: files.chosen,
      tokenFile: isKept ? fromFolder(projectDir, tokenPath) : null,
    });
    const config = await readPlannedConfig(planned, newHeros);
    const edited = oldHeros !== null && oldHeros !== newHeros && editedByHand(oldHeros);
    changes.push({
      ...change(herosPath, oldHeros, newHeros, {
        folders: [stackFolder, { path: plan.cacheDir, mode: 0o755, area: "cache" }],
        ...(edited ? { show: keysAlone(newHeros) } : {}),
      }),
      ...(edited ? { backupPath: await freeBackupPath(host, herosPath) } : {}),
    });

    const portFollows =
      portIn(projectEnv) === plan.port || checked === null || (await checked.followsPort());
    const elsewhere = reachOut ? await requiredPasswords(planned) : [];
    const { text, passwords } = planEnv({
      plan,
      env,
      projectEnv,
      files,
      texts: [...texts, ...elsewhere.map((name) => `\${${name}:?}`)],
      portFollows,
    });
    if (config !== null) {
      await requireNoData({ host, config, passwords, envPath: projectEnv.path });
    }
    changes.push(
      change(env.path, env.found, text, {
        mode: 0o600,
        forbiddenBits: passwords.length > 0 ? 0o077 : 0,
        folders: [stackFolder],
        show: (shown) => shownEnv({ ...env, text: shown }),
        secret: true,
      }),
    );
    await requireReplaceable(host, changes);
    // Of the base that heros lays down itself, and in later runs, there is nothing new to say.
    const first = oldHeros === null && own.some((file) => file.text !== base);
    const notices = first && checked !== null ? checked.notices : [];
    const ours = [
      annieServiceName,
      ...(warmup === null ? [] : [warmupServiceName]),
      ...gpuServices,
    ];
    const changed =
      checked === null || config === null ? [] : changedNotices(checked.whole, config.whole, ours);
    return {
      changes,
      services: config === null ? services : Object.keys(config.services),
      config,
      notices: [...notices, ...withheld, ...changed],
    };
  } catch (error) {
    throw fileFailure(error, { folder: stackDir, area: "stack" }) ?? error;
  }
}

interface ChangeOptions {
  readonly mode?: number;
  readonly forbiddenBits?: number;
  readonly folders?: readonly NeededFolder[];
  readonly show?: ShowLines;
  /** It holds what nobody else should read, or may hold it. */
  readonly secret?: boolean;
}

function change(
  file: string,
  before: string | null,
  after: string,
  {
    mode = 0o644,
    forbiddenBits = 0,
    folders = [],
    show = redactLines,
    secret = false,
  }: ChangeOptions,
): StackChange {
  const content = (text: string) => (secret ? new Secret(text) : text);
  const diff = unifiedDiff(path.basename(file), before, after, show);
  return {
    path: file,
    action: before === null ? "created" : before === after ? "unchanged" : "updated",
    ...(diff === "" ? {} : { diff }),
    oldContent: before === null ? null : content(before),
    content: content(after),
    mode,
    forbiddenBits,
    folders,
  };
}

/** A path as compose takes it. */
function fromFolder(folder: string, file: string): string {
  const relative = path.relative(folder, file);
  return relative.startsWith(".") ? relative : `./${relative}`;
}

async function readNamed(host: Host, file: string): Promise<string> {
  const text = await readIfThere(host, file);
  if (text !== null) return text;
  throw failure("stack.base_invalid", {
    problem: `${file} does not exist, but COMPOSE_FILE in .env names it`,
    remedy: "Restore the file, or remove its name from COMPOSE_FILE.",
  });
}

async function freeBackupPath(host: Host, file: string): Promise<string> {
  const stamp = formatStamp(host.clock.now());
  for (let count = 1; ; count += 1) {
    const candidate = `${file}.backup-${stamp}${count === 1 ? "" : `-${count}`}`;
    if ((await readIfThere(host, candidate)) === null) return candidate;
  }
}

export interface PlanEnvRequest {
  readonly plan: Deployment;
  readonly env: StackEnv;
  /** The `.env` that compose reads after it: that of the folder of its first file. */
  readonly projectEnv: StackEnv;
  readonly files: ComposeFiles;
  /** Where compose fills variables in. */
  readonly texts: readonly string[];
  /** False where a port that stands in the user's file as a number makes HER_OS_PORT mean nothing. */
  readonly portFollows: boolean;
}

export interface PlannedEnv {
  readonly text: string;
  /** The passwords that are made again. */
  readonly passwords: readonly string[];
}

/** The `.env` with our keys, and only those of them that have to be there. */
export function planEnv({
  plan,
  env,
  projectEnv,
  files,
  texts,
  portFollows,
}: PlanEnvRequest): PlannedEnv {
  const lookup = lookupIn(projectEnv);
  const edits: EnvEdit[] = files.edit === null ? [] : [files.edit];
  if (portFollows && portIn(projectEnv) !== plan.port) {
    edits.push({ key: "HER_OS_PORT", value: String(plan.port) });
  }
  const passwords = Object.entries(newPasswords({ texts, lookup }));
  edits.push(...passwords.map(([key, value]) => ({ key, value })));
  return { text: editEnv(env, edits), passwords: passwords.map(([key]) => key) };
}

/** Annie's, as compose fills it in. */
function portIn(env: StackEnv): number {
  return Number(lookupIn(env)("HER_OS_PORT") || 8000);
}

const passwords = ["POSTGRES_PASSWORD", "NEO4J_PASSWORD"];

export interface PasswordsRequest {
  /** Every value in the compose files, as it is written. */
  readonly texts: readonly string[];
  /** What compose fills in, from the shell and its `.env` files. */
  readonly lookup: (name: string) => string | undefined;
}

/**
 * New passwords for the databases that have none. One is needed where the compose files require it, or name it without
 * anything in its place, and it is not set. A default is a password in use: a database made with it takes no other.
 */
export function newPasswords({ texts, lookup }: PasswordsRequest): Record<string, string> {
  const required = new Set<string>();
  const plain = new Set<string>();
  const stoodIn = new Set<string>();
  const onReference = ({ name, kind, isSet }: Reference) => {
    if (kind === "default" || kind === "alternative") stoodIn.add(name);
    else if (!isSet) (kind === "required" ? required : plain).add(name);
  };
  for (const text of texts) {
    try {
      substitute(text, { lookup, onReference });
    } catch (error) {
      // What compose does not take it tells by itself.
      if (!(error instanceof SubstitutionError)) throw error;
    }
  }
  const needed = passwords.filter(
    (name) => required.has(name) || (plain.has(name) && !stoodIn.has(name)),
  );
  return Object.fromEntries(needed.map((name) => [name, randomBytes(24).toString("hex")]));
}
