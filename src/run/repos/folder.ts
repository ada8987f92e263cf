import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { failure } from "../failures/table.ts";
import { Secret } from "../secret.ts";

/** A folder of models with a list of their hashes: on a disk, or below an address of a web server. */
export type FolderPlace = DiskFolder | WebFolder;

interface OfFolder {
  /** As sentences and events name it, and as `heros pull` takes it: without a password. */
  readonly called: string;
  /** Which of its models is meant, or how its only one is to be called; null where nothing says. */
  readonly model: { readonly repo: string; readonly revision: string | null } | null;
}

export interface DiskFolder extends OfFolder {
  readonly kind: "disk";
  /** Absolute. */
  readonly path: string;
}

export interface WebFolder extends OfFolder {
  readonly kind: "web";
  /** Ends with a slash; has no login and no query. */
  readonly url: string;
  /** `user:password`, for this origin alone. */
  readonly login: Secret | null;
  /** What belongs behind the address of every file, as a signature: `?sv=…&sig=…`. For this origin alone. */
  readonly query: Secret | null;
}

/** Where a path begins, and what an address of a web server is called. */
interface Surroundings {
  readonly cwd: string;
  readonly home: string;
}

const pathPattern = /^(?:\/|\.{1,2}(?:\/|$)|~(?:\/|$))/u;
const addressPattern = /^(?:file:|folder\+|https?:\/\/)/iu;
const endpointPattern = /^(?:file:|folder\+)/iu;

/** Whether a word for `heros pull` means a folder: an address, or a path that begins as one. `models/x` is a repository. */
export function isFolder(text: string): boolean {
  return pathPattern.test(text) || addressPattern.test(text);
}

/** The same of an address in the Hub's place, where `https://…` is a Hub. */
export function isFolderEndpoint(text: string): boolean {
  return endpointPattern.test(text);
}

/** Lists that lie in a folder: who names one means the folder. */
const listPattern = /\/(?:heros-manifest\.json|sha256sums?(?:\.txt)?)$/iu;

/**
 * Reads `file:///PATH`, a path that begins with `/`, `./`, `../` or `~/`, and `[folder+]https://[USER:PASSWORD@]HOST/PREFIX/`;
 * an address may end with `#OWNER/REPO[@REV]`.
 * @throws Failure `folder.bad_name`, `folder.of_hub` (exit 2)
 */
export function parseFolder(text: string, surroundings: Surroundings): FolderPlace {
  if (pathPattern.test(text)) return diskFolder(expanded(text, surroundings), null, text);
  if (!addressPattern.test(text)) {
    throw refusal(text, "a folder begins with file:///, https://, /, ./ or ~/");
  }
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
  const url = URL.parse(text.replace(/^folder\+/iu, ""));
  if (url === null || !/^https?:$/u.test(url.protocol)) {
    throw refusal(text, "only https and http addresses of web servers can be used");
  }
  const model = modelOf(text, url.hash);
  const login = loginOf(text, url);
  const query = url.search === "" ? null : new Secret(url.search);
  url.username = url.password = url.search = url.hash = "";
  url.pathname = `${url.pathname.replace(listPattern, "/").replace(/\/+$/u, "")}/`;
  if (hubHosts.includes(url.hostname)) {
    const repo = /^\/(?<repo>[\w.-]+\/[\w.-]+)\//u.exec(url.pathname)?.groups?.["repo"] ?? null;
    throw failure("folder.of_hub", { address: url.href, repo });
  }
  return { kind: "web", url: url.href, login, query, called: url.href, model };
}

function loginOf(text: string, { username, password }: URL): Secret | null {
  if (username === "" && password === "") return null;
  let login: string;
  try {
    login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    throw refusal(text, "a percent sign in its user name or password must be written %25");
  }
  // A header may hold no others.
  if (/\p{Cc}/u.test(login)) throw refusal(text, "its user name or password can't be sent");
  return new Secret(login);
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
  if (!/^(?:folder\+)?https?:/iu.test(text)) return text;
  return text.replace(/\/\/.*@/su, "//…@").replace(/\?[^#]*/u, "?…");
}

/** As the Hub's address is written and remembered, for a folder in its place. */
export function folderEndpoint(place: FolderPlace): string {
  return place.kind === "disk" ? pathToFileURL(place.path).href : `folder+${place.url}`;
}
