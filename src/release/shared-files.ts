import path from "node:path";
import { isThere, realOf } from "../host/places.ts";
import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import { errorCode, Failure } from "../run/failure.ts";
import { makeNoted, type Places, noteMade, readManifest } from "./installation.ts";

/** What a version brings for other programs, by its path below `share`: as those look for it. */
export const sharedFiles = {
  manual: "man/man1/heros.1",
  bash: "bash-completion/completions/heros",
  zsh: "zsh/site-functions/_heros",
  fish: "fish/vendor_completions.d/heros.fish",
} as const;

/** A link that leads to such a file of whatever version is current: upgrading and going back need not touch it. */
export interface SharedLink {
  readonly path: string;
  readonly target: string;
}

/** Bash and fish look in XDG_DATA_HOME, man beside each folder of PATH, zsh where it is told to. */
function sharedLinks({ data, bin }: Places) {
  const [inData, besideBin] = [path.dirname(data), path.join(bin, "../share")];
  const { manual, bash, zsh, fish } = sharedFiles;
  return [
    { name: manual, folder: besideBin },
    { name: bash, folder: inData },
    { name: zsh, folder: besideBin },
    { name: fish, folder: inData },
  ].map(({ name, folder }) => ({
    name,
    link: { path: path.join(folder, name), target: path.join(data, inCurrent, name) },
  }));
}

const inCurrent = "current/share";

/** What an installation that noted nothing may have linked. */
export function usualLinks(places: Places): readonly SharedLink[] {
  return sharedLinks(places).map(({ link }) => link);
}

/** What an installation of this tree would link, and what stands there that is not from heros. */
export async function planLinks(
  host: Pick<Host, "files">,
  tree: string,
  places: Places,
): Promise<{ readonly linked: readonly SharedLink[]; readonly foreign: readonly SharedLink[] }> {
  const [linked, foreign]: [SharedLink[], SharedLink[]] = [[], []];
  for (const { name, link } of sharedLinks(places)) {
    if (!(await isThere(host, path.join(tree, "share", name)))) continue;
    const found = await findLink(host, link);
    (found.kind === "foreign" ? foreign : linked).push(link);
  }
  return { linked, foreign };
}

/** Links the current version's files, and notes that. heros works without: what can't be linked is told. */
export async function linkSharedFiles(
  { host, emit }: { readonly host: Host; readonly emit: Emit },
  places: Places,
): Promise<void> {
  const { data } = places;
  const tell = (code: string, message: string): void =>
    emit({ type: "notice", level: "info", code, message });
  const { linked, foreign } = await planLinks(host, path.join(data, "current"), places);
  for (const link of foreign) {
    tell("release.file_kept", `${link.path} stays as it is: it is not from heros.`);
  }
  for (const link of linked) {
    const folder = path.dirname(link.path);
    try {
      await makeNoted(host, data, folder);
      await noteMade(host, data, { kind: "link", ...link });
      await putLink(host, link);
    } catch (error) {
      const errno = errorCode(error instanceof Failure ? error.cause : error);
      if (errno === null) throw error;
      tell("release.file_not_linked", `${link.path} can't be created (${errno}).`);
    }
  }
}

/** After another version has become the current one: what it doesn't have is linked no longer. */
export async function refreshLinks(
  host: Pick<Host, "files" | "pid" | "random">,
  data: string,
): Promise<void> {
  for (const entry of await readManifest(host, data)) {
    if (entry.kind !== "link") continue;
    // Whatever can't be changed there, the version is switched already.
    if (await isThere(host, entry.target)) await putLink(host, entry).catch(() => {});
    else await removeLink(host, data, entry).catch(() => {});
  }
}

/** A link of ours that leads elsewhere is replaced, nothing else is. */
async function putLink({ files }: Pick<Host, "files">, link: SharedLink): Promise<void> {
  const found = await findLink({ files }, link);
  if (found.kind === "foreign" || (found.kind === "ours" && found.target === link.target)) return;
  if (found.kind === "ours") await files.rm(link.path);
  await files.symlink(link.target, link.path);
}

/** @returns why it stays; null where it is gone */
export async function removeLink(
  { files }: Pick<Host, "files">,
  data: string,
  link: SharedLink,
): Promise<string | null> {
  const found = await findLink({ files }, link);
  if (found.kind !== "ours") return found.kind === "none" ? null : "it is not from heros";
  if ((await realOf(files, dataOf(found.target))) !== (await realOf(files, data))) {
    return "it is from another installation";
  }
  await files.rm(link.path);
  return null;
}

/** What stands at a link's place. */
type FoundLink =
  | { readonly kind: "none" | "foreign" }
  | { readonly kind: "ours"; readonly target: string };

async function findLink(
  { files }: Pick<Host, "files">,
  { path: place, target: own }: SharedLink,
): Promise<FoundLink> {
  try {
    const target = await files.readlink(place);
    // That of another installation, too.
    const isOurs = target.slice(dataOf(target).length) === own.slice(dataOf(own).length);
    return isOurs ? { kind: "ours", target } : { kind: "foreign" };
  } catch (error) {
    const isAbsent = ["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "");
    return { kind: isAbsent ? "none" : "foreign" };
  }
}

/** The data folder in a link's target. */
function dataOf(target: string): string {
  return target.slice(0, Math.max(0, target.lastIndexOf(`/${inCurrent}/`)));
}
