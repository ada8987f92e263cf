import path from "node:path";
import { failure } from "../../run/failures/table.ts";
import type { Stack } from "../../catalog/stack.ts";
import type { StackConfig } from "../../docker/compose.ts";
import type { Host } from "../../host/host.ts";
import type { Notice } from "../../run/events/run.ts";
import { fileFailure } from "../../run/file-failure.ts";
import { readNewBase } from "./new-base.ts";
import { formatStamp } from "../../run/units.ts";
import { Secret } from "../../run/secret.ts";
import {
  baseFileOf,
  findComposeFiles,
  herosFile,
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
  type OwnKeys,
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
import { planTokenMount } from "./token-mount.ts";
import { servicesHere, tokenReaders } from "./planned-services.ts";
import { requiredPasswords } from "./required-passwords.ts";
import { readWarmupBases, type WarmupBase } from "./warmup.ts";
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
  const { stack } = plan;
  try {
    const existing = await requireWritable(host, stackDir);
    const env = await readStackEnv(host, stackDir);
    const herosPath = path.join(stackDir, herosFile);
    const oldHeros = await readIfThere(host, herosPath);
    const files = await findComposeFiles(host, env, oldHeros);
    const baseFile = files.baseMissing ? baseFileOf(stack, assetsDir) : null;
    const base = baseFile === null ? null : await readNewBase(host, baseFile);
    const own = await Promise.all(
      files.own.map(async (name, index) => {
        const file = path.resolve(stackDir, name);
        const isNew = index === 0 && base !== null;
        const text = isNew ? base : await readNamed(host, file);
        return { path: file, before: isNew ? null : text, text };
      }),
    );
    const { texts, services, reachOut, ...read } = readBase(own, stack.service ?? "");
    const planned: PlannedFiles = {
      host,
      stack,
      stackDir,
      own: own.map(({ path: file, before }) => (before === null ? (baseFile ?? file) : file)),
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

    const here = servicesHere(plan, checked);
    const planHere = { ...plan, services: here.services };
    const warmups =
      plan.startup === "warmup"
        ? await readWarmupBases({ files: planned, own, plan: planHere })
        : new Map<string, WarmupBase>();
    const isKept = token !== null;
    const { tokenFor, notices: withheld } = await planTokenMount({
      host,
      stackDir,
      wanted: isKept ? tokenReaders(here.services, { warmups, checked }) : [],
    });
    const ours = new Set(here.services.map(({ name }) => name));
    const gpuServices = [...(plan.gpus > 0 ? (checked?.imagesWithoutGpu ?? []) : [])].flatMap(
      ([name, image]) => (!ours.has(name) && plan.needsGpu(image) ? [name] : []),
    );
    const newHeros = overrideText({
      plan: planHere,
      warmups,
      tokenFor,
      gpuReserved: checked?.gpuReserved ?? read.gpuReserved,
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
        folders: [
          stackFolder,
          ...Object.values(plan.stores).map(({ folder }): NeededFolder => ({
            path: folder,
            mode: 0o755,
            area: "cache",
          })),
        ],
        ...(edited ? { show: keysAlone(newHeros) } : {}),
      }),
      ...(edited ? { backupPath: await freeBackupPath(host, herosPath) } : {}),
    });

    const portFollows =
      portIn(stack, projectEnv) === plan.port ||
      (stack.port !== null && (checked === null || (await checked.followsPort())));
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
      await requireNoData({ host, stack, config, passwords, envPath: projectEnv.path });
    }
    changes.push(
      change(env.path, env.found, text, {
        mode: 0o600,
        forbiddenBits: passwords.length > 0 ? 0o077 : 0,
        folders: [stackFolder],
        show: (shown) => shownEnv({ ...env, text: shown }, ownKeys(stack)),
        secret: true,
      }),
    );
    await requireReplaceable(host, changes);
    // Of the base that heros lays down itself, and in later runs, there is nothing new to say.
    const first = oldHeros === null && own.some((file) => file.text !== base);
    const notices = first && checked !== null ? checked.notices : [];
    const written = [
      ...ours,
      ...here.services.flatMap(({ warmup }) => warmup?.name ?? []),
      ...gpuServices,
    ];
    const changed =
      checked === null || config === null
        ? []
        : changedNotices(checked.whole, config.whole, written);
    return {
      changes,
      services: config === null ? services : Object.keys(config.services),
      config,
      notices: [...notices, ...here.notices, ...withheld, ...changed],
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
  /** False where a port that stands in the user's file as a number makes its variable mean nothing. */
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
  const { stack } = plan;
  if (portFollows && stack.port !== null && portIn(stack, projectEnv) !== plan.port) {
    edits.push({ key: stack.port.variable, value: String(plan.port) });
  }
  const passwords = Object.entries(newPasswords({ stack, texts, lookup }));
  edits.push(...passwords.map(([key, value]) => ({ key, value })));
  return { text: editEnv(env, edits), passwords: passwords.map(([key]) => key) };
}

/** The stack's, as compose fills it in. */
function portIn({ port }: Stack, env: StackEnv): number {
  return port === null ? 0 : Number(lookupIn(env)(port.variable) || port.usual);
}

function ownKeys({ port, passwords }: Stack): OwnKeys {
  return {
    shown: ["COMPOSE_FILE", ...(port === null ? [] : [port.variable])],
    secret: passwords.map(({ variable }) => variable),
  };
}

export interface PasswordsRequest {
  readonly stack: Pick<Stack, "passwords">;
  /** Every value in the compose files, as it is written. */
  readonly texts: readonly string[];
  /** What compose fills in, from the shell and its `.env` files. */
  readonly lookup: (name: string) => string | undefined;
}

/**
 * New passwords for the databases that have none. One is needed where the compose files require it, or name it without
 * anything in its place, and it is not set. A default is a password in use: a database made with it takes no other.
 */
export function newPasswords({ stack, texts, lookup }: PasswordsRequest): Record<string, string> {
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
  const needed = stack.passwords
    .map(({ variable }) => variable)
    .filter((name) => required.has(name) || (plain.has(name) && !stoodIn.has(name)));
  return Object.fromEntries(needed.map((name) => [name, randomBytes(24).toString("hex")]));
}
