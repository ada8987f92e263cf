import path from "node:path";
import { keptTokenFile } from "../../deploy/compose/deployment.ts";
import { resumeUnitName, resumeUnitText } from "../../deploy/systemd/resume-unit.ts";
import {
  enableUnit,
  hasUserSystemd,
  lingers,
  planUnit,
  type PlannedUnit,
  removeUnit,
  resumeUnitFile,
  writeUnit,
} from "../../deploy/systemd/user-service.ts";
import type { Host } from "../../host/host.ts";
import type { BootService } from "../../plan/answers.ts";
import type { Person } from "../../plan/interview.ts";
import { type Answers, questions } from "../../plan/questions.ts";
import { settingFlags } from "../../plan/settings.ts";
import { resumedFlag } from "../../record/handover.ts";
import type { Program } from "../../record/detach.ts";
import { dataOfTree } from "../../release/installation.ts";
import { findLauncher, readLauncher, startsFrom } from "../../release/launcher.ts";
import { nodeFlag, treeOfApp } from "../../release/tree.ts";
import type { Notice } from "../../run/events/run.ts";
import type { SetupRequest, Work } from "../command-request.ts";

/** The service that can continue a setup after a reboot; null where the user has no systemd that can be asked. */
export async function findBootService(host: Host): Promise<BootService | null> {
  if (!(await hasUserSystemd(host))) return null;
  return { file: shortened(host, resumeUnitFile(host)), lingers: await lingers(host) };
}

function shortened({ home }: Host, file: string): string {
  const below = path.relative(home, file);
  return below.startsWith("..") ? file : `~/${below}`;
}

/** What becomes of the unit after yes. */
export interface PlannedResume {
  /** Null where nothing is to continue, or nothing can. */
  readonly unit: PlannedUnit | null;
  /** The person wants none: one that an earlier setup wrote goes. */
  readonly unwanted: boolean;
  readonly notices: readonly Notice[];
}

const nothingPlanned: PlannedResume = { unit: null, unwanted: false, notices: [] };

/** Writes nothing. `unfinished`: something is still to be downloaded. */
export async function planResume(
  host: Host,
  request: SetupRequest,
  { answers, unfinished }: { readonly answers: Answers; readonly unfinished: boolean },
): Promise<PlannedResume> {
  const { program } = request;
  if (program === undefined) return nothingPlanned;
  if (!answers.resumeAtBoot) return { ...nothingPlanned, unwanted: true };
  if (!unfinished) return nothingPlanned;
  if (!(await hasUserSystemd(host))) return { ...nothingPlanned, notices: [noSystemd] };
  const { variables, secret } = carriedVariables(host.env);
  const unit = await planUnit(
    host,
    resumeUnitText({
      command: [
        ...(await lastingProgram(host, request.assetsDir, program)),
        ...argumentsFor(request, answers),
      ],
      environment: variables,
    }),
  );
  if (unit === null) return { ...nothingPlanned, notices: [foreignUnit(resumeUnitFile(host))] };
  const notices = [
    ...(isForThisRunOnly(answers) ? [withoutToken] : []),
    ...(secret.length === 0 ? [] : [withoutVariables(secret)]),
  ];
  return { unit, unwanted: false, notices };
}

/** Writes the unit, or removes the one that is no longer wanted. What fails here is told, and stops nothing. @returns whether heros continues after a reboot */
export async function applyResume(
  { host, emit, signal }: Work,
  { unit, unwanted }: PlannedResume,
): Promise<boolean> {
  if (unwanted && (await removeUnit(host))) emit(noLonger(resumeUnitFile(host)));
  if (unit === null) return false;
  const unwritten = await writeUnit(host, unit);
  if (unwritten !== null) {
    emit(notEnabled(unwritten, again));
    return false;
  }
  const { path: file, action } = unit.file;
  emit({ type: "file.written", path: file, action });
  const problem = await enableUnit(host, unit, signal);
  if (problem !== null) {
    emit(
      notEnabled(
        problem,
        `Try: systemctl --user enable ${resumeUnitName}. Or run heros after a reboot.`,
      ),
    );
    return false;
  }
  if (action !== "unchanged" && !(await lingers(host))) emit(needsLogin);
  return true;
}

/** Nothing is left to continue. A demo leaves the unit of a real setup alone. */
export async function endResume(host: Host, { program }: SetupRequest): Promise<void> {
  if (program !== undefined) await removeUnit(host);
}

/** A start that lasts as long as heros is installed, whatever version is current. */
async function lastingProgram(
  host: Host,
  assetsDir: string,
  { command, args }: Program,
): Promise<readonly [string, ...string[]]> {
  const tree = await treeOfApp(host, path.dirname(assetsDir)).catch(() => null);
  const data = tree === null ? null : await dataOfTree(host, tree);
  if (data === null) return [command, ...args];
  const launcher = await findLauncher(host, data);
  const found = await readLauncher(host, launcher);
  if (found.kind === "ours" && (await startsFrom(host, found.text, data))) return [launcher];
  const current = path.join(data, "current");
  return [path.join(current, "runtime/node"), nodeFlag, path.join(current, "app/bin/heros.js")];
}

/** The same setup, unasked: each answer and each setting as a flag, wherever it was given. */
function argumentsFor(request: SetupRequest, answers: Answers): string[] {
  const { given = {}, cacheDir, stackDir } = request;
  const answered = questions.flatMap(({ id, kind, flag, argument, selected }) => {
    if (kind === "secret" || (id === "storage" && cacheDir !== null)) return [];
    const value = selected(answers).join(",");
    if (argument === null) return value === "yes" ? [flag] : [];
    return [flag, value];
  });
  const set = settingFlags({ ...given, stackDir });
  return ["setup", "--yes", ...answered, ...set, ...tokenFlags(answers, stackDir), resumedFlag];
}

/** `-`: systemd gives it an empty standard input, which means that none is used. */
function tokenFlags({ token, keepToken }: Answers, stackDir: string): string[] {
  if (token.source === "none") return ["--token-file", "-"];
  const isKept = keepToken || token.source === "kept";
  return isKept ? ["--token-file", keptTokenFile(stackDir)] : [];
}

function isForThisRunOnly({ token: { source }, keepToken }: Answers): boolean {
  return !keepToken && source !== "none" && source !== "kept" && source !== "hub-file";
}

/** What heros, Docker and Node read, and no flag says. */
const carried = [
  "PATH",
  ...["CACHE", "CONFIG", "DATA", "STATE"].map((kind) => `XDG_${kind}_HOME`),
  ...["ENDPOINT", "HOME", "HUB_CACHE", "HUB_OFFLINE", "TOKEN_PATH"].map((name) => `HF_${name}`),
  "HUGGINGFACE_HUB_CACHE",
  ...["API_VERSION", "AUTH_CONFIG", "CERT_PATH", "CONFIG", "CONTEXT", "DEFAULT_PLATFORM"].map(
    (name) => `DOCKER_${name}`,
  ),
  "DOCKER_HOST",
  "DOCKER_TLS_VERIFY",
  ...["http", "https", "all", "no"].flatMap((kind) => [
    `${kind}_proxy`,
    `${kind.toUpperCase()}_PROXY`,
  ]),
  "NODE_EXTRA_CA_CERTS",
  "NODE_USE_SYSTEM_CA",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
];

/** Those of the environment that the unit gets, and those that hold a password, or may. */
function carriedVariables(env: Host["env"]): {
  readonly variables: Readonly<Record<string, string>>;
  readonly secret: readonly string[];
} {
  const set = carried.flatMap((name) => {
    const value = env[name];
    return value === undefined || value === "" ? [] : [[name, value] as const];
  });
  const isSecret = ([name, value]: readonly [string, string]): boolean =>
    name === "DOCKER_AUTH_CONFIG" || (/_PROXY$|ENDPOINT$/i.test(name) && value.includes("@"));
  return {
    variables: Object.fromEntries(set.filter((entry) => !isSecret(entry))),
    secret: set.filter(isSecret).map(([name]) => name),
  };
}

const machineLimitMs = 300_000;
const lookMs = 15_000;

/** Right after a start of the machine Docker and the GPU's driver may not be there yet: they are waited for. */
export function waitForMachine({ clock }: Pick<Host, "clock">): NonNullable<Person["remedy"]> {
  const limitMs = clock.monotonicMs() + machineLimitMs;
  return async ({ blocking }, signal) => {
    if (!blocking) return "onward";
    if (clock.monotonicMs() > limitMs) return "stop";
    await clock.sleep(lookMs, signal);
    return "again";
  };
}

const again = "After a reboot, run heros: it continues where it stopped.";

function told(
  level: Notice["level"],
  code: string,
  [message, hint]: readonly [string, string?],
): Notice {
  return {
    type: "notice",
    level,
    code: `resume.${code}`,
    message,
    ...(hint === undefined ? {} : { hint }),
  };
}

const noSystemd = told("info", "no_systemd", [
  "heros can't continue by itself after a reboot: systemd does not run for this user here.",
  again,
]);

const needsLogin = told("info", "needs_login", [
  "After a reboot, heros continues when you log in.",
  "To continue without a login: loginctl enable-linger",
]);

/** Of a run that was stopped before its end. */
export const continuesAtBoot = told("info", "after_reboot", [
  "After a reboot, heros continues by itself.",
  `To prevent that: systemctl --user disable ${resumeUnitName}`,
]);

const withoutToken = told("info", "without_token", [
  "The token is used for this run only, so after a reboot heros continues without it.",
  "To use it then, too: --keep-token yes",
]);

function withoutVariables(names: readonly string[]): Notice {
  return told("warning", "without_variables", [
    `After a reboot, heros continues without ${names.join(" and ")}: what may hold a password is not written to a unit.`,
    "To set it then, too, write it to ~/.config/environment.d/heros.conf (mode 0600), which systemd reads.",
  ]);
}

function foreignUnit(file: string): Notice {
  return told("warning", "foreign_unit", [
    `heros can't continue by itself after a reboot: ${file} is not from heros, and stays as it is.`,
    `${again} Or rename that file and run heros setup again.`,
  ]);
}

function notEnabled(reason: string, hint: string): Notice {
  return told("warning", "not_enabled", [
    `heros can't continue by itself after a reboot: ${reason.replace(/\.$/, "")}.`,
    hint,
  ]);
}

function noLonger(file: string): Notice {
  return told("info", "removed", [
    `heros no longer continues by itself after a reboot: ${file} is removed.`,
  ]);
}
