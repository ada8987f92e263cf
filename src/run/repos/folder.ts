import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { failure } from "../failures/table.ts";

/** A folder of models with a list of their hashes: on a disk, or below an address of a web server. */
export type FolderPlace = DiskFolder | WebFolder;

interface OfFolder {
  /** As sentences and events name it, and as `heros pull` takes it. */
  readonly called: string;
  /** Which of its models is meant; null for all of them. */
  readonly model: { readonly repo: string; readonly revision: string | null } | null;
}

export interface DiskFolder extends OfFolder {
  readonly kind: "disk";
  /** Absolute. */
  readonly path: string;
}

export interface WebFolder extends OfFolder {
  readonly kind: "web";
  /** Ends with a slash. */
  readonly url: string;
}

/** Where a path begins. */
interface Surroundings {
  readonly cwd: string;
  readonly home: string;
}

const pathPattern = /^(?:\/|\.{1,2}(?:\/|$)|~(?:\/|$))/u;
const addressPattern = /^(?:file:|https?:\/\/)/iu;

/** Whether a word for `heros pull` means a folder: an address, or a path that begins as one. `models/x` is a repository. */
export function isFolder(text: string): boolean {
  return pathPattern.test(text) || addressPattern.test(text);
}

/** The list lies in the folder: who names it means the folder. */
const listPattern = /\/heros-manifest\.json$/u;

/**
 * Reads `file:///PATH`, a path that begins with `/`, `./`, `../` or `~/`, and `https://HOST/PREFIX/`; an address may end with
 * `#OWNER/REPO[@REV]`. One with a login or a query is refused: it would be written down with the run.
 * @throws Failure `folder.bad_name`, `folder.of_hub` (exit 2)
 */
export function parseFolder(text: string, surroundings: Surroundings): FolderPlace {
  if (pathPattern.test(text)) return diskFolder(expanded(text, surroundings), null, text);
  return /^file:/iu.test(text) ? parseFile(text) : parseWeb(text);
}

function expanded(text: string, { cwd, home }: Surroundings): string {
  return resolve(cwd, text === "~" || text.startsWith("~/") ? join(home, text.slice(1)) : text);
}

function parseFile(text: string): DiskFolder {
  if (!/^file:\/\//iu.test(text)) throw refusal(text, "write three slashes: file:///PATH");
  const url = URL.parse(text);
  if (url === null || url.hostname !== "") {
    const problem =
      "heros opens no other machine's files by this address: mount them, and give the folder";
    throw refusal(text, problem);
  }
  if (url.search !== "") throw refusal(text, "write %3F for a question mark in a path");
  const { hash } = url;
  url.hash = "";
  let path: string;
  try {
    path = fileURLToPath(url);
  } catch {
    throw refusal(text, "it is not an address of a folder");
  }
  return diskFolder(path, modelOf(text, hash), text);
}

function diskFolder(path: string, model: OfFolder["model"], text: string): DiskFolder {
  if (/\0/u.test(path) || !path.isWellFormed()) throw refusal(text, "no path has such characters");
  const folder = resolve(path.replace(listPattern, "/"));
  return { kind: "disk", path: folder, called: folder, model };
}

/** Of the Hub itself: its pages are no folders. */
const hubHosts = ["huggingface.co", "www.huggingface.co", "hf.co"];

function parseWeb(text: string): WebFolder {
  const url = URL.parse(text);
  if (url === null) throw refusal(text, "it is not an address of a web server");
  if (url.username !== "" || url.password !== "") {
    throw refusal(text, "user names and passwords can't be given in an address");
  }
  if (url.search !== "") throw refusal(text, "it must not contain ?");
  const model = modelOf(text, url.hash);
  url.search = url.hash = "";
  url.pathname = `${url.pathname.replace(listPattern, "/").replace(/\/+$/u, "")}/`;
  if (hubHosts.includes(url.hostname)) {
    const repo = /^\/(?<repo>[\w.-]+\/[\w.-]+)\//u.exec(url.pathname)?.groups?.["repo"] ?? null;
    throw failure("folder.of_hub", { address: url.href, repo });
  }
  return { kind: "web", url: url.href, called: url.href, model };
}

const modelPattern = /^#(?<repo>[\w.-]+\/[\w.-]+)(?:@(?<revision>[^\s@]+))?$/u;

function modelOf(text: string, hash: string): OfFolder["model"] {
  if (hash === "" || hash === "#") return null;
  const { repo = "", revision } = modelPattern.exec(hash)?.groups ?? {};
  const isSound = repo !== "" && !/\.\.|--/u.test(`${repo} ${revision ?? ""}`);
  if (!isSound) throw refusal(text, "what stands behind # must be OWNER/REPO or OWNER/REPO@REV");
  return { repo, revision: revision ?? null };
}

function refusal(text: string, problem: string) {
  return failure("folder.bad_name", { name: shown(text), problem });
}

/** An address that could not be read, without what may be a login or a signature. */
function shown(text: string): string {
  if (!/^[a-z]+:\/\//iu.test(text)) return text;
  if (URL.parse(text) === null) return text.replace(/\/\/.*/su, "//…");
  return text.replace(/\/\/.*@/su, "//…@").replace(/\?.*/su, "?…");
}
