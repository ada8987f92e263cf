import { randomBytes } from "node:crypto";
import path from "node:path";
import type { Host } from "../host/host.ts";
import { closedFolder } from "../progress/folder-failures.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { fileFailure } from "../progress/file-failures.ts";
import { Secret } from "../progress/secret.ts";
import { checkOwnStack } from "./base-check.ts";
import { findComposeFiles, herosFile, keptTokenFile, newBaseFile } from "./compose-files.ts";
import { unifiedDiff } from "./diff.ts";
import { envValue, readEnvFile, setEnvValues } from "./env-file.ts";
import { errorCode, readIfThere } from "./files.ts";
import { editedByHand, overrideText } from "./override.ts";
import { redactLine } from "./redact.ts";
import type { NeededFolder, StackChange, StackPlan } from "./stack-plan.ts";

export interface PlanStackRequest {
  readonly host: Host;
  /** Absolute. */
  readonly stackDir: string;
  readonly plan: StackPlan;
  /** The folder `assets` of heros. */
  readonly assetsDir: string;
}

const passwords = ["POSTGRES_PASSWORD", "NEO4J_PASSWORD"];

/**
 * Every file of the stack, in the order in which to write them, with what would change. Writes nothing.
 * @throws Failure `stack.not_writable`, `stack.base_invalid`, `stack.env_invalid`
 */
export async function planStack(request: PlanStackRequest): Promise<readonly StackChange[]> {
  const { host, stackDir, plan, assetsDir } = request;
  try {
    await requireWritable(host, stackDir);
    const envPath = path.join(stackDir, ".env");
    const oldEnv = await readIfThere(host, envPath);
    const files = await findComposeFiles(host, stackDir, oldEnv ?? "");
    const base = await host.files.readFile(path.join(assetsDir, "compose", newBaseFile), "utf8");
    const own = await Promise.all(
      files.own.map(async (name) => {
        const file = path.resolve(stackDir, name);
        const text = files.baseMissing && name === newBaseFile ? base : await readNamed(host, file);
        return { path: file, text };
      }),
    );
    const { reservesGpu } = checkOwnStack(own);
    const stackFolder: NeededFolder = { path: stackDir, mode: 0o755, area: "stack" };
    const changes: StackChange[] = [];

    const tokenPath = keptTokenFile(stackDir);
    const oldToken = await readIfThere(host, tokenPath);
    if (plan.token !== null) {
      changes.push(
        change(tokenPath, oldToken, plan.token.reveal(), {
          mode: 0o600,
          forbiddenBits: 0o077,
          folders: [stackFolder, { path: path.dirname(tokenPath), mode: 0o700, area: "stack" }],
          redact: () => "[secret]",
        }),
      );
    }

    if (files.baseMissing) {
      changes.push(
        change(path.join(stackDir, newBaseFile), null, base, { folders: [stackFolder] }),
      );
    } else {
      changes.push(...own.map(({ path: file, text }) => change(file, text, text, {})));
    }

    const herosPath = path.join(stackDir, herosFile);
    const oldHeros = await readIfThere(host, herosPath);
    const keepsToken = plan.token !== null || oldToken !== null;
    const newHeros = overrideText({
      plan,
      gpuReserved: reservesGpu,
      tokenFile: keepsToken ? besideFirst(own[0]?.path ?? herosPath, tokenPath) : null,
    });
    const edited = oldHeros !== null && oldHeros !== newHeros && editedByHand(oldHeros);
    changes.push({
      ...change(herosPath, oldHeros, newHeros, {
        folders: [stackFolder, { path: plan.cacheDir, mode: 0o755, area: "cache" }],
      }),
      ...(edited ? { backupPath: await freeBackupPath(host, herosPath) } : {}),
    });

    const values = envValues({ host, plan, envPath, oldEnv, composeFile: files.composeFile, own });
    const addsSecret = passwords.some((key) => values[key] !== undefined);
    changes.push(
      change(envPath, oldEnv, setEnvValues(oldEnv ?? "", envPath, values), {
        mode: 0o600,
        forbiddenBits: addsSecret ? 0o077 : 0,
        folders: [stackFolder],
      }),
    );
    return changes;
  } catch (error) {
    throw fileFailure(error, { folder: stackDir, area: "stack" }) ?? error;
  }
}

interface EnvRequest {
  readonly host: Host;
  readonly plan: StackPlan;
  readonly envPath: string;
  readonly oldEnv: string | null;
  readonly composeFile: string;
  readonly own: readonly { readonly text: string }[];
}

/** Our keys in `.env`, and only those that have to be there. */
function envValues(request: EnvRequest): Record<string, string> {
  const { host, plan, envPath, oldEnv, composeFile, own } = request;
  const entries = readEnvFile(oldEnv ?? "", envPath);
  const values: Record<string, string> = { COMPOSE_FILE: composeFile };
  const port = envValue(entries, "HER_OS_PORT");
  if (Number(port || 8000) !== plan.port) values["HER_OS_PORT"] = String(plan.port);
  for (const key of passwords) {
    const used = own.some(({ text }) => new RegExp(`\\$\\{?${key}\\b`).test(text));
    const given = (envValue(entries, key) ?? "") !== "" || (host.env[key] ?? "") !== "";
    if (used && !given) values[key] = randomBytes(24).toString("hex");
  }
  return values;
}

interface ChangeOptions {
  readonly mode?: number;
  readonly forbiddenBits?: number;
  readonly folders?: readonly NeededFolder[];
  readonly redact?: (line: string) => string;
}

function change(
  file: string,
  before: string | null,
  after: string,
  { mode = 0o644, forbiddenBits = 0, folders = [], redact = redactLine }: ChangeOptions,
): StackChange {
  const diff = unifiedDiff(path.basename(file), before, after, redact);
  return {
    path: file,
    action: before === null ? "created" : before === after ? "unchanged" : "updated",
    ...(diff === "" ? {} : { diff }),
    oldContent: before === null ? null : new Secret(before),
    content: new Secret(after),
    mode,
    forbiddenBits,
    folders,
  };
}

/** A path as compose resolves it: relative to the folder of the first file. */
function besideFirst(first: string, file: string): string {
  const relative = path.relative(path.dirname(first), file);
  return relative.startsWith(".") ? relative : `./${relative}`;
}

async function readNamed(host: Host, file: string): Promise<string> {
  const text = await readIfThere(host, file);
  if (text !== null) return text;
  throw new Failure({
    code: "stack.base_invalid",
    message: `${file} is not there, though COMPOSE_FILE in .env names it.`,
    hint: "Put the file back, or take its name out of COMPOSE_FILE.",
    exitCode: exitCodes.usage,
  });
}

/** The nearest folder that is there must let us write; that it is one shows when it is asked for what is below it. */
async function requireWritable(host: Host, folder: string): Promise<void> {
  let existing = folder;
  for (;;) {
    const found = await host.files.stat(existing).catch((error: unknown) => {
      if (errorCode(error) === "ENOENT") return null;
      throw error;
    });
    if (found?.isDirectory() === false) throw fileInTheWay(existing);
    if (found !== null) break;
    const parent = path.dirname(existing);
    if (parent === existing) return;
    existing = parent;
  }
  await host.files.access(existing, 2 | 1).catch((error: unknown) => {
    if (errorCode(error) !== "EACCES") throw error;
    throw closedFolder({ folder, area: "stack", existing, home: host.home }, error);
  });
}

function fileInTheWay(file: string): Error {
  return Object.assign(new Error(`not a folder: ${file}`), { code: "ENOTDIR", path: file });
}

async function freeBackupPath(host: Host, file: string): Promise<string> {
  const stamp = host.clock
    .now()
    .toISOString()
    .replaceAll(/[-:]|\.\d+/g, "");
  for (let count = 1; ; count += 1) {
    const candidate = `${file}.backup-${stamp}${count === 1 ? "" : `-${count}`}`;
    if ((await readIfThere(host, candidate)) === null) return candidate;
  }
}
