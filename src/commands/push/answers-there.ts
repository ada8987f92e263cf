import path from "node:path";
import type { StackBase } from "../../catalog/stack.ts";
import type { Host } from "../../host/host.ts";
import { readIfThere } from "../../host/text-files.ts";
import { isLoopback } from "../../host/network.ts";
import { stackAnswersFile } from "../../record/known-stacks.ts";
import type { FarMachine } from "../../ssh/far-machine.ts";
import { isCatalogName } from "../open-catalog.ts";
import { type Kept, lastFile } from "../remembered-answers.ts";

/** A file that the other machine is to have. */
export interface SentFile {
  /** Absolute, there. */
  readonly path: string;
  readonly content: string;
  /** Only that user may read it. */
  readonly isPrivate: boolean;
}

/** What a setup here was told, as it is to be told there. */
export interface Handed {
  /** The catalog's own first, and then the answers. */
  readonly files: readonly SentFile[];
  /** Flags that mean the same stack there. */
  readonly stackFlags: readonly string[];
  /** What has no place there, as sentences. */
  readonly left: readonly string[];
}

export interface HandRequest {
  readonly host: Pick<Host, "home" | "files">;
  readonly machine: Pick<FarMachine, "home" | "state" | "config">;
  /** A name of ours, or the absolute path of a file; null for the default. */
  readonly catalog: string | null;
  readonly base: StackBase;
  /** Absolute, here. */
  readonly stackDir: string;
  /** Its usual folder, below the home folder. */
  readonly usualStackDir: string;
  /** Null where nobody set up the stack here. */
  readonly kept: Kept | null;
}

/** @throws Failure `stack.no_text_file` (exit 2); Node's errors where a file can't be read */
export async function filesToHand(request: HandRequest): Promise<Handed> {
  const { host, machine, kept, stackDir, usualStackDir } = request;
  const left: string[] = [];
  const { files, name } = await catalogFiles(request, left);
  const stackThere =
    movedHome(host, machine, stackDir) ?? path.join(machine.home, path.basename(stackDir));
  const stackFlags = [
    ...(name === null ? [] : ["--catalog", name]),
    ...(stackDir === usualStackDir ? [] : ["--stack-dir", stackThere]),
  ];
  if (kept === null) return { files, stackFlags, left };
  const content = `${JSON.stringify(answersThere(request, { kept, stackThere, catalog: name }, left))}\n`;
  const places = [stackAnswersFile(machine.state, stackThere), lastFile(machine.state)];
  const answers = places.map((place) => ({ path: place, content, isPrivate: true }));
  return { files: [...files, ...answers], stackFlags, left };
}

/** A path in the home folder here as one in the home folder there; null for any other. */
function movedHome(
  { home }: Pick<Host, "home">,
  machine: Pick<FarMachine, "home">,
  place: string,
): string | null {
  const inside = path.relative(home, place);
  const isInside = inside !== "" && !inside.startsWith("..") && !path.isAbsolute(inside);
  return isInside ? path.join(machine.home, inside) : null;
}

/** The catalog, and the compose file that it names beside it. */
async function catalogFiles(
  { host, machine, catalog, base }: HandRequest,
  left: string[],
): Promise<{ readonly files: readonly SentFile[]; readonly name: string | null }> {
  if (catalog === null || isCatalogName(catalog)) return { files: [], name: catalog };
  const name =
    movedHome(host, machine, catalog) ?? path.join(machine.config, path.basename(catalog));
  const own = { path: name, content: (await readIfThere(host, catalog)) ?? "", isPrivate: false };
  if (base.kind !== "file") return { files: [own], name };
  const beside = path.relative(path.dirname(catalog), base.path);
  const content = await readIfThere(host, base.path);
  if (beside.startsWith("..") || path.isAbsolute(beside) || content === null) {
    left.push(`The compose file ${base.path} is not beside its catalog; copy it there by hand.`);
    return { files: [own], name };
  }
  const compose = { path: path.join(path.dirname(name), beside), content, isPrivate: false };
  return { files: [own, compose], name };
}

/** Paths of this machine are none of the other's: those in the home folder are moved to the one there, others are left out. */
function answersThere(
  { host, machine }: HandRequest,
  {
    kept,
    stackThere,
    catalog,
  }: { readonly kept: Kept; readonly stackThere: string; readonly catalog: string | null },
  left: string[],
): unknown {
  const { storage, ...others } = kept.answers;
  const [place = "hub-cache"] = storage ?? [];
  const storageThere = path.isAbsolute(place) ? movedHome(host, machine, place) : place;
  if (storageThere === null) {
    left.push(`The model folder ${place} is not in your home folder; the Hub cache is used there.`);
  }
  const { given } = kept;
  const paths = { stackDir: stackThere, catalog, cacheDir: movedOrNull(given.cacheDir) };
  const endpoint = given.endpoint !== undefined && leadsElsewhere(given.endpoint);
  const givenThere = Object.entries({ ...given, ...paths }).filter(
    ([id, value]) =>
      value !== null &&
      (given[id as keyof typeof given] !== undefined || id === "catalog") &&
      (id !== "endpoint" || endpoint),
  );
  return {
    version: 1,
    stackDir: stackThere,
    // It is still to be set up there.
    finished: false,
    cacheDir: movedOrNull(kept.cacheDir ?? undefined),
    answers:
      storage === undefined || storageThere === null
        ? others
        : { ...others, storage: [storageThere] },
    given: Object.fromEntries(givenThere),
    former: [],
  };

  function movedOrNull(folder: string | undefined): string | null {
    return folder === undefined ? null : movedHome(host, machine, folder);
  }
}

/** An address on this machine is another one there. */
function leadsElsewhere(endpoint: string): boolean {
  return endpoint.split(",").every((each) => {
    const url = URL.parse(each.trim());
    return url !== null && !isLoopback(url.hostname);
  });
}
