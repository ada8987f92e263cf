import path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { redactLines } from "../deploy/compose/diff.ts";
import { herosFile } from "../deploy/compose/compose-files.ts";
import { readStackEnv } from "../deploy/compose/env/env-file.ts";
import { runCompose } from "../docker/compose.ts";
import { tarEnd, tarEntry } from "../docker/tar.ts";
import type { Host } from "../host/host.ts";
import { recordsDir } from "../record/state-dir.ts";
import type { HerosEvent } from "../run/event.ts";
import { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { isRecord, parseJson } from "../run/json.ts";
import { formatBytes, formatStamp } from "../run/units.ts";
import { chooseStack } from "./stack/choose-stack.ts";
import type { Work } from "./command-request.ts";
import { performDoctor } from "./doctor/doctor.ts";
import type { Catalog } from "../catalog/catalog.ts";
import type { GatheredSettings } from "./gather-settings.ts";
import { foundTokens } from "./open-hub.ts";

export interface ReportRequest {
  readonly settings: GatheredSettings;
  /** Absolute: the folder that ships with heros. */
  readonly assetsDir: string;
  readonly herosVersion: string;
}

interface Entry {
  readonly name: string;
  readonly text: string;
}

const hidden = "[hidden]";
/** Of the newest records. */
const records = 3;
/** Of each record: its end. */
const recordBytes = 4_000_000;
const askLimitMs = 10_000;

/**
 * `heros report`: one archive for a bug report, without secrets, for its owner alone to read.
 * @returns where it is, and what is in it
 * @throws Failure `report.not_written` (exit 1); AbortError
 */
export async function performReport(work: Work, request: ReportRequest): Promise<string[]> {
  const { host } = work;
  const settings = await chooseStack(work, request.settings, { needsOne: false });
  const { stackDir, stateDir, tokenFile } = settings;
  const [versions, doctor, compose, ours, runs, secrets] = await Promise.all([
    askVersions(work, request),
    examine(work, { ...request, settings }),
    readCompose(work, settings),
    readOverride(host, stackDir),
    readRecords(host, stateDir),
    findSecrets(host, stackDir),
  ]);
  if (tokenFile !== null && tokenFile.source !== "none") secrets.push(tokenFile.token.reveal());
  const entries = [versions, doctor, ...compose, ...ours, ...runs].map(({ name, text }) => ({
    name,
    text: secrets.reduce((shown, secret) => shown.replaceAll(secret, hidden), text),
  }));
  const file = await write(host, await promisify(gzip)(archiveOf(entries)));
  return [
    `Report: ${file}`,
    ...entries.map(({ name, text }) => `In it: ${name}, ${formatBytes(Buffer.byteLength(text))}`),
    "Passwords and tokens are replaced by [hidden]. Read it before you send it: paths and names of yours are in it.",
  ];
}

async function askVersions(
  { host, signal }: Work,
  { herosVersion }: ReportRequest,
): Promise<Entry> {
  const ask = async (command: string, args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr, missing } = await host.processes.run({
      command,
      args,
      signal,
      timeoutMs: askLimitMs,
    });
    if (missing) return "not found";
    return exitCode === 0 ? stdout.trim() : `status ${exitCode ?? "none"}: ${stderr.trim()}`;
  };
  const [system, release, docker, compose] = await Promise.all([
    ask("uname", ["-srm"]),
    host.files.readFile("/etc/os-release", "utf8").catch(() => ""),
    ask("docker", [
      "version",
      "--format",
      "client {{.Client.Version}}, engine {{.Server.Version}}",
    ]),
    ask("docker", ["compose", "version", "--short"]),
  ]);
  const lines = [
    `heros ${herosVersion}`,
    `system ${system}, ${/^PRETTY_NAME="?([^"\n]*)/mu.exec(release)?.[1] ?? "unknown"}`,
    `docker ${docker}`,
    `compose ${compose}`,
  ];
  return { name: "versions.txt", text: `${lines.join("\n")}\n` };
}

/** The checks of `heros doctor`, as events; what they end with is the last one. */
async function examine(work: Work, { settings, assetsDir }: ReportRequest): Promise<Entry> {
  const events: object[] = [];
  const emit = (event: HerosEvent): void => void events.push(event);
  try {
    await performDoctor({ ...work, emit }, { settings, ids: [], fix: false, assetsDir });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { code, message, hint, exitCode } = error;
    events.push({ type: "run.failed", code, message, hint, exitCode });
  }
  const lines = events.map((event) => JSON.stringify({ v: 1, ...event }));
  return { name: "doctor.jsonl", text: `${lines.join("\n")}\n` };
}

/** The stack as compose sees it. Of variables only the names, but for those that heros sets itself. */
async function readCompose(
  { host, signal }: Work,
  { stackDir, catalog }: Pick<GatheredSettings, "stackDir" | "catalog">,
): Promise<Entry[]> {
  const args = ["config", "--format", "json"];
  const info = await host.files.stat(stackDir).catch(() => null);
  if (info?.isDirectory() !== true) return [];
  const { stdout } = await runCompose({ host, stackDir, args, signal, timeoutMs: askLimitMs });
  const config = parseJson(stdout);
  if (!isRecord(config)) return [];
  const shown = redacted(config, (name) => isOpen(name, catalog));
  return [{ name: "compose.json", text: `${JSON.stringify(shown, null, 2)}\n` }];
}

/** Where a person may have written a password. */
const closedKeys = new Set(["command", "entrypoint", "args", "labels", "content", "test"]);
const ownVariable = /^(?:HF_(?:HOME|HUB_\w+|ENDPOINT)|DOWNLOAD_PRIORITY)$/u;
const secretName = /pass|token|secret|key|credential|auth/iu;

/** Whether the value of a variable may be read by others: those of the stack begin like that of its port. */
function isOpen(name: string, { stack }: Catalog): boolean {
  if (secretName.test(name)) return false;
  const prefix = stack.port?.variable.replace(/[^_]+$/u, "") ?? "";
  return ownVariable.test(name) || (prefix !== "" && name.startsWith(prefix));
}

function redacted(value: unknown, isShown: (variable: string) => boolean, key = ""): unknown {
  if (closedKeys.has(key)) return hidden;
  if (typeof value === "string") return value.replaceAll(/(:\/\/)[^/@\s]+@/gu, `$1${hidden}@`);
  if (Array.isArray(value)) return value.map((each) => redacted(each, isShown));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      const isHidden = key === "environment" && !isShown(name);
      return [name, isHidden ? hidden : redacted(each, isShown, name)];
    }),
  );
}

async function readOverride({ files }: Host, stackDir: string): Promise<Entry[]> {
  const text = await files.readFile(path.join(stackDir, herosFile), "utf8").catch(() => null);
  return text === null ? [] : [{ name: herosFile, text: `${redactLines(text).join("\n")}\n` }];
}

async function readRecords({ files }: Host, stateDir: string): Promise<Entry[]> {
  const folder = recordsDir(stateDir);
  const names = await files.readdir(folder).catch(() => []);
  const newest = names
    .filter((name) => name.endsWith(".jsonl"))
    .toSorted()
    .slice(-records);
  const read = newest.map(async (name) => {
    const text = await files.readFile(path.join(folder, name), "utf8").catch(() => "");
    return { name: `runs/${name}`, text: text.slice(-recordBytes) };
  });
  return Promise.all(read);
}

/** What must not be in it, wherever it came from: tokens, and what `.env` keeps under a name that sounds like a secret. */
async function findSecrets(host: Host, stackDir: string): Promise<string[]> {
  const tokens = await foundTokens(host, stackDir).catch(() => []);
  const env = await readStackEnv(host, stackDir).catch(() => null);
  const kept = env?.entries.map(({ key, value }) => [key, value] as const) ?? [];
  const named = [...kept, ...Object.entries(host.env)].flatMap(([name, value = ""]) =>
    secretName.test(name) ? [value] : [],
  );
  const shortest = 6;
  const all = [...tokens.map(({ answer }) => answer.token.reveal()), ...named];
  return [...new Set(all)]
    .filter(({ length }) => length >= shortest)
    .toSorted((a, b) => b.length - a.length);
}

function archiveOf(entries: readonly Entry[]): Buffer {
  const files = entries.flatMap(({ name, text }) =>
    tarEntry(`heros-report/${name}`, Buffer.from(text)),
  );
  return Buffer.concat([...files, tarEnd]);
}

/** In the current folder, else at home. @throws Failure `report.not_written` */
async function write(host: Host, bytes: Buffer): Promise<string> {
  const stamp = formatStamp(host.clock.now());
  let refused: unknown = null;
  for (const folder of [host.cwd, host.home]) {
    const file = path.join(folder, `heros-report-${stamp}.tar.gz`);
    try {
      const handle = await host.files.open(file, "wx", 0o600);
      try {
        await handle.writeFile(bytes);
      } finally {
        await handle.close();
      }
      return file;
    } catch (error) {
      refused = error;
    }
  }
  const why = refused instanceof Error ? refused.message : "";
  throw failure("report.not_written", { folder: host.cwd, why }, refused);
}
