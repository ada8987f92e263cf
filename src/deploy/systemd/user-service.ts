import path from "node:path";
import { ownUid } from "../../host/own-file.ts";
import { findOnPath, folderOfVariable, isThere, userName } from "../../host/places.ts";
import { readIfThere, writeAtomically } from "../../host/text-files.ts";
import type { Host } from "../../host/host.ts";
import type { PlannedFile } from "../../run/events/plan.ts";
import { errorCode } from "../../run/failure.ts";
import { redactLines, unifiedDiff } from "../compose/diff.ts";
import { isResumeUnit, resumeUnitName } from "./resume-unit.ts";

/** Absolute: where the user's own systemd looks for the unit. */
export function resumeUnitFile(host: Pick<Host, "env" | "home">): string {
  const config = folderOfVariable(host, "XDG_CONFIG_HOME", ".config");
  return path.join(config, "systemd/user", resumeUnitName);
}

/** Whether the user's own systemd runs, and can be asked: in a container, and after `su`, it can't. Waits for nothing. */
export async function hasUserSystemd(host: Pick<Host, "files" | "env">): Promise<boolean> {
  const runtime = host.env["XDG_RUNTIME_DIR"] ?? "";
  const socket = path.join(runtime, "systemd/private");
  if (!path.isAbsolute(runtime) || !(await isThere(host, socket))) return false;
  return (await findOnPath(host, "systemctl")) !== null;
}

/** Whether the user's services start with the machine, and not first when they log in. */
export async function lingers({ files, env }: Pick<Host, "files" | "env">): Promise<boolean> {
  const names = new Set([await userName(files, await ownUid(files)), env["USER"] ?? ""]);
  for (const name of names) {
    if (!/^[\w.-]+\$?$/.test(name)) continue;
    if (await isThere({ files }, path.join("/var/lib/systemd/linger", name))) return true;
  }
  return false;
}

/** The unit as it is and as it will be. */
export interface PlannedUnit {
  readonly file: PlannedFile;
  readonly content: string;
}

/** What would be written. Null where a file that heros did not write has the name. Writes nothing. */
export async function planUnit(host: Host, content: string): Promise<PlannedUnit | null> {
  const file = resumeUnitFile(host);
  const before = await readUnit(host, file);
  if (before === foreign) return null;
  const diff = unifiedDiff(resumeUnitName, before, content, redactLines);
  const action = before === null ? "created" : before === content ? "unchanged" : "updated";
  return { file: { path: file, action, ...(diff === "" ? {} : { diff }) }, content };
}

/** A file of that name that is not from heros. */
const foreign = Symbol("foreign");

/** The text of a unit that heros wrote; null where there is none. */
async function readUnit(host: Host, file: string): Promise<string | typeof foreign | null> {
  try {
    // A link is somebody's own, whatever it leads to.
    if (!(await host.files.lstat(file)).isFile()) return foreign;
    const text = await readIfThere(host, file);
    return text === null || isResumeUnit(text) ? text : foreign;
  } catch (error) {
    return ["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "") ? null : foreign;
  }
}

/** Writes the unit where it is not there as it should be. @returns why that failed; null where it did not */
export async function writeUnit(
  host: Host,
  { file, content }: PlannedUnit,
): Promise<string | null> {
  try {
    const now = await readUnit(host, file.path);
    if (now === foreign) return `${file.path} is not from heros`;
    if (now === content) return null;
    await host.files.mkdir(path.dirname(file.path), { recursive: true });
    await writeAtomically({ host, path: file.path, content, mode: 0o644 });
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Has systemd start the unit after the next reboot. @returns why that failed; null where it did not */
export async function enableUnit(
  host: Host,
  { file }: PlannedUnit,
  signal: AbortSignal,
): Promise<string | null> {
  const isEnabled = file.action === "unchanged" && (await isThere(host, enabledLink(file.path)));
  return isEnabled ? null : systemctl(host, ["enable", resumeUnitName], signal);
}

/** The link by which systemd starts it with the user's other services. */
function enabledLink(file: string): string {
  return path.join(path.dirname(file), "default.target.wants", resumeUnitName);
}

/** Whether the unit of heros is there. */
export async function hasUnit(host: Host): Promise<boolean> {
  const text = await readUnit(host, resumeUnitFile(host));
  return typeof text === "string";
}

/**
 * Removes the unit where it is one of heros, and what is left of its being enabled; a service that runs goes on.
 * @returns whether one was removed
 */
export async function removeUnit(host: Host): Promise<boolean> {
  const file = resumeUnitFile(host);
  if (!(await hasUnit(host))) return false;
  const canAsk = await hasUserSystemd(host);
  if (canAsk) await systemctl(host, ["disable", resumeUnitName]);
  const link = enabledLink(file);
  await host.files.rm(link, { force: true }).catch(() => {});
  await host.files.rm(file, { force: true }).catch(() => {});
  for (const folder of [path.dirname(link), path.dirname(file), path.dirname(path.dirname(file))]) {
    await host.files.rmdir(folder).catch(() => {});
  }
  if (canAsk) await systemctl(host, ["daemon-reload"]);
  return !(await hasUnit(host));
}

const systemctlLimitMs = 5000;

/** @returns why it failed; null where it did not */
async function systemctl(
  host: Host,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<string | null> {
  const { exitCode, stderr, timedOut } = await host.processes.run({
    command: "systemctl",
    args: ["--user", ...args],
    timeoutMs: systemctlLimitMs,
    ...(signal === undefined ? {} : { signal }),
  });
  if (exitCode === 0) return null;
  if (timedOut) return "systemctl --user does not answer";
  const [first = ""] = stderr.split("\n");
  return first === "" ? `systemctl --user ended with ${exitCode}` : first;
}
