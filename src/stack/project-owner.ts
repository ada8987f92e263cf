import path from "node:path";
import type { Host } from "../host/host.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { inFolder, quoted } from "../progress/shell.ts";

interface Project {
  readonly host: Host;
  /** As compose names it: by default after its folder, so that two folders of one name are one project. */
  readonly name: string;
  /** Absolute: where this stack is, and where compose says that its project is. */
  readonly folders: readonly string[];
}

/**
 * Compose knows a project by its name alone: with another folder's name it would replace that one's containers and use its
 * volumes, with other passwords. A folder that is gone was moved, and its containers with it.
 * @throws Failure `stack.project_taken` (exit 4)
 */
export async function requireOwnProject({ host, name, folders }: Project): Promise<void> {
  const own = await Promise.all(folders.map((folder) => real(host, folder)));
  const containers = await askProject(host, name);
  const theirs = await Promise.all(containers.map(({ folder }) => real(host, folder)));
  // Compose leaves a container that is as it should be, and its label, where it made it.
  if (theirs.some((folder) => own.includes(folder))) return;
  for (const { folder, file } of containers) {
    if (await isGone(host, file)) continue;
    throw new Failure({
      code: "stack.project_taken",
      message: `Docker Compose has a stack named ${name} already, from ${folder}.`,
      hint: `Use that one: heros setup --stack-dir ${quoted(folder)}. Or give yours a folder with another name (--stack-dir). Or, if yours replaces it: ${inFolder(folder, "docker compose down")}`,
      exitCode: exitCodes.machine,
    });
  }
}

/** Of each container of the project, stopped ones too: its folder, and the first of its files. None where docker does not say. */
async function askProject(
  host: Host,
  name: string,
): Promise<readonly { readonly folder: string; readonly file: string }[]> {
  const label = (key: string) => `{{.Label "com.docker.compose.project.${key}"}}`;
  const { exitCode, stdout } = await host.processes.run({
    command: "docker",
    args: [
      "ps",
      "--all",
      "--filter",
      `label=com.docker.compose.project=${name}`,
      "--format",
      `${label("working_dir")}\t${label("config_files")}`,
    ],
    timeoutMs: 15_000,
  });
  if (exitCode !== 0) return [];
  return [...new Set(stdout.trim().split("\n"))].flatMap((line) => {
    const [folder = "", files = ""] = line.split("\t");
    // Some composes write "." there, which says nothing here.
    if (!path.isAbsolute(folder)) return [];
    const [first = ""] = files.split(",");
    return [{ folder, file: path.resolve(folder, first) }];
  });
}

/** A file that this user may not look at is there. */
function isGone(host: Host, file: string): Promise<boolean> {
  return host.files.lstat(file).then(
    () => false,
    (error: unknown) =>
      error instanceof Error && "code" in error && /^(?:ENOENT|ENOTDIR)$/.test(String(error.code)),
  );
}

function real(host: Host, folder: string): Promise<string> {
  return host.files.realpath(folder).catch(() => folder);
}
