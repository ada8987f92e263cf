import { execFile } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { docker } from "./run-heros.ts";

/** What nobody else may read, by what a person would call it. */
export type Secrets = Readonly<Record<string, string>>;

/**
 * Where a secret may stand: in a file that its owner alone can read, and a container's user whom an ACL names. Nothing else is
 * allowed, in whatever form, plain, in base64 or as part of an address: no other file, no name of one, no output, no log, no
 * argument, nothing that Docker tells.
 */
async function isClosed(file: string): Promise<boolean> {
  const { mode } = await stat(file);
  if ((mode & 0o077) === 0) return true;
  // With an ACL, the group's bits are its mask, and the entry says what the group may do.
  const listed = await promisify(execFile)("getfacl", ["--omit-header", "--absolute-names", file]);
  return (mode & 0o007) === 0 && /^group::---$/mu.test(listed.stdout);
}

/** The passwords that a stack's `.env` holds. */
export async function passwordsOf(stackDir: string): Promise<Secrets> {
  const text = await readFile(path.join(stackDir, ".env"), "utf8");
  const lines = text.matchAll(/^(?<name>\w*PASSWORD)=(?<value>.+)$/gmu);
  return Object.fromEntries(
    [...lines].map(({ groups }) => [groups?.["name"] ?? "", groups?.["value"] ?? ""]),
  );
}

/** How a secret may be written. */
function formsOf(secret: string): Buffer[] {
  // In the middle of something else that was encoded, too: what is cut off depends on its neighbours.
  const encoded = [0, 1, 2].map((before) => {
    const text = Buffer.from(`${"x".repeat(before)}${secret}`).toString("base64");
    return text.replaceAll("=", "").slice(before === 0 ? 0 : before + 1, -1);
  });
  return [...new Set([secret, encodeURIComponent(secret), ...encoded])].map((each) =>
    Buffer.from(each),
  );
}

/** @returns the names of the secrets that are in a text */
export function secretsIn(secrets: Secrets, text: string | Buffer): string[] {
  const bytes = Buffer.from(text);
  return Object.entries(secrets).flatMap(([name, secret]) =>
    formsOf(secret).some((form) => bytes.includes(form)) ? [name] : [],
  );
}

/** Each file below a folder in which a secret stands, or in whose name: "NEO4J_PASSWORD in her-os/.env". */
async function leaksInFolder(secrets: Secrets, folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const told = path.relative(folder, file);
    found.push(...secretsIn(secrets, entry.name).map((name) => `${name} in the name ${told}`));
    if (!entry.isFile()) continue;
    const names = secretsIn(secrets, await readFile(file));
    if (names.length === 0 || (await isClosed(file))) continue;
    found.push(...names.map((name) => `${name} in ${told}, which others can read`));
  }
  return found;
}

async function leaksInDocker(secrets: Secrets): Promise<string[]> {
  const ids = async (...args: string[]) => (await docker(args)).split("\n").filter(Boolean);
  const found: string[] = [];
  const note = (where: string, text: string): void => {
    found.push(...secretsIn(secrets, text).map((name) => `${name} in ${where}`));
  };
  const containers = await ids("ps", "--all", "--format", "{{.Names}}");
  const images = await ids("image", "ls", "--quiet");
  const volumes = await ids("volume", "ls", "--quiet");
  for (const name of [...containers, ...new Set(images), ...volumes]) {
    note(`docker inspect ${name}`, await docker(["inspect", name]));
  }
  for (const name of containers) note(`docker logs ${name}`, await docker(["logs", name]));
  return found;
}

export interface LeakSearch {
  readonly secrets: Secrets;
  /** All below these is read. */
  readonly folders: readonly string[];
  /** What was printed, by what printed it. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** Where secrets stand that should not, over files, outputs and all that Docker tells of its containers, images and volumes. */
export async function findLeaks({ secrets, folders, outputs }: LeakSearch): Promise<string[]> {
  if (Object.values(secrets).some((each) => each.length < 8)) throw new Error("no secret to find");
  const inFolders = await Promise.all(folders.map((folder) => leaksInFolder(secrets, folder)));
  const printed = Object.entries(outputs).flatMap(([command, text]) =>
    secretsIn(secrets, text).map((name) => `${name} in what ${command} printed`),
  );
  return [...inFolders.flat(), ...printed, ...(await leaksInDocker(secrets))];
}

/**
 * Reads the arguments of all processes again and again, and the environment of all but heros, which may get a token there.
 * @returns what ends it, and gives those in which a secret was seen
 */
export function watchProcesses(secrets: () => Secrets): () => Promise<string[]> {
  const seen = new Set<string>();
  const ended = new AbortController();
  const look = async (): Promise<void> => {
    const processes = (await readdir("/proc")).filter((name) => /^\d+$/u.test(name));
    const textOf = (pid: string, name: string) =>
      readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
    const looks = processes.map(async (pid) => {
      const line = await textOf(pid, "cmdline");
      const names = secretsIn(secrets(), line);
      if (names.length > 0) seen.add(`${names.join(", ")} among arguments: ${line.slice(0, 200)}`);
      if (line.includes("bin/heros.js")) return;
      const given = secretsIn(secrets(), await textOf(pid, "environ"));
      if (given.length > 0) seen.add(`${given.join(", ")} in what ${line.slice(0, 200)} was given`);
    });
    await Promise.all(looks);
  };
  const watching = (async () => {
    while (!ended.signal.aborted) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return async () => {
    ended.abort();
    await watching;
    return [...seen];
  };
}
