import { failure } from "../run/failures/table.ts";
import type { Stack } from "./stack.ts";

/** A set of models that is chosen as one; lower priorities come first. */
export interface Group {
  readonly id: string;
  readonly title: string;
  /** What it gives, in place of the purposes of its models; null where they say it. */
  readonly gives: string | null;
  /** From 1; that of schema 1 is the tier's number. */
  readonly priority: number;
  /** The stack can't do without it: it can't be left out. */
  readonly required: boolean;
  /** Chosen unless the person says otherwise. */
  readonly default: boolean;
  /** It can be chosen by itself; others only come with groups that require them. */
  readonly choice: boolean;
  /** Groups that are chosen with it. */
  readonly requires: readonly string[];
  /** Of all groups with the same word one is chosen; null where any number is. */
  readonly oneOf: string | null;
  readonly needs: Needs;
}

/** What a machine must have at least; 0 where it does not matter. */
export interface Needs {
  readonly gpuMemoryGib: number;
  readonly gpus: number;
  readonly memoryGib: number;
}

/** Files of one repository at one revision. */
export interface RepoFiles {
  /** `owner/repo`, `ollama:registry.ollama.ai/library/llava`. */
  readonly repo: string;
  /** A commit (40 hex digits), a branch or a tag. */
  readonly revision: string;
  /** Globs over paths in the repository; null means every file. */
  readonly files: readonly string[] | null;
  /** What the revision must be, as the source names it: `sha256:…`; left out where it is not pinned. */
  readonly digest?: string;
  /** The place that has it: `s3://…`, `/mnt/nas/models`, `https://…/`; left out where the Hub, or Ollama's registry, has. */
  readonly from?: string;
}

export interface ModelMemory {
  /** Memory it takes once loaded, in GiB. */
  readonly memoryGib: number;
  /** With room for work, in GiB; at least the former. */
  readonly recommendedGib: number;
}

/** The same in another form, for machines that it does not fit. */
export interface Variant extends ModelMemory {
  readonly title: string;
  readonly parts: CatalogModel["parts"];
}

export interface CatalogModel extends ModelMemory {
  readonly id: string;
  readonly title: string;
  /** The group's id; `noGroup` for what is in no catalog. */
  readonly group: string;
  /** Of its group; `noPriority` for what is in no catalog. */
  readonly priority: number;
  /** "Speech-to-text". */
  readonly purpose: string;
  /** Name in the health contract; null where the model brings none of its own. */
  readonly capability: string | null;
  /** Of those that are loaded on demand, one is at a time. */
  readonly loading: "always" | "on-demand";
  /** The variable that says true to whoever wants it: an answer where it is in the user's `.env`. Null where there is none. */
  readonly enabledBy: string | null;
  /** The model that gives the capability until this one is there; null where none does. */
  readonly standIn: string | null;
  /** Better ones first; none where there is one form alone. */
  readonly variants: readonly Variant[];
  /** Its own repository first, then what it needs of others. Never empty. */
  readonly parts: readonly [RepoFiles, ...RepoFiles[]];
}

/** What a stack is, and which models it needs. Checked: ids are unique, what is named is there. */
export interface Catalog {
  readonly stack: Stack;
  /** By priority, ascending. */
  readonly groups: readonly Group[];
  /** By priority, then in the catalog's order. */
  readonly models: readonly CatalogModel[];
}

type Groups = Pick<Catalog, "groups">;

/** Of models that no catalog has: before those of every group. */
export const noPriority = 0;
export const noGroup = "";

/** Groups that are chosen unless somebody says otherwise. */
export function defaultGroups(catalog: Groups): string[] {
  return withRequired(
    catalog,
    catalog.groups.filter((group) => group.default).map(({ id }) => id),
  );
}

/** Groups that the stack can't do without. */
export function requiredGroups(catalog: Groups): string[] {
  return withRequired(catalog, []);
}

/**
 * Groups as asked, by priority, with the required ones and those that they require added.
 * @throws Failure `groups.unknown`, `groups.one_of` (exit 2)
 */
export function completeGroups(catalog: Groups, asked: readonly string[]): string[] {
  const wrong = asked.find((id) => !catalog.groups.some((group) => group.id === id));
  if (wrong !== undefined) throw unknownGroup(catalog, wrong);
  const chosen = withRequired(catalog, asked);
  const clash = oneOfClash(catalog, chosen);
  if (clash !== null) throw failure("groups.one_of", clash);
  return chosen;
}

export function unknownGroup({ groups }: Groups, group: string) {
  const known = groups.filter(({ choice }) => choice);
  return failure("groups.unknown", {
    group,
    known: known.map(({ id }) => id),
    priorities: [...new Set(known.map(({ priority }) => priority))],
  });
}

/** The first two chosen groups that exclude each other. */
function oneOfClash({ groups }: Groups, chosen: readonly string[]) {
  const byWord = new Map<string, string>();
  for (const { id, oneOf } of groups) {
    if (oneOf === null || !chosen.includes(id)) continue;
    const other = byWord.get(oneOf);
    if (other !== undefined) return { oneOf, groups: [other, id] as const };
    byWord.set(oneOf, id);
  }
  return null;
}

function withRequired(catalog: Groups, asked: readonly string[]): string[] {
  const required = catalog.groups.filter((group) => group.required).map(({ id }) => id);
  return withRequires(catalog, [...required, ...asked]);
}

export function groupOf({ groups }: Groups, id: string): Group | undefined {
  return groups.find((group) => group.id === id);
}

/** Groups with those that they require, by priority. */
export function withRequires({ groups }: Groups, asked: readonly string[]): string[] {
  const chosen = new Set(asked);
  for (const id of chosen) {
    for (const next of groupOf({ groups }, id)?.requires ?? []) chosen.add(next);
  }
  return groups.filter(({ id }) => chosen.has(id)).map(({ id }) => id);
}

/** The models of these groups, lowest priority first, and those that stand in for them. */
export function modelsOfGroups(catalog: Catalog, groups: readonly string[]): CatalogModel[] {
  const ids = new Set(
    catalog.models.filter(({ group }) => groups.includes(group)).map(({ id }) => id),
  );
  for (const id of ids) {
    const standIn = catalog.models.find((model) => model.id === id)?.standIn ?? null;
    if (standIn !== null) ids.add(standIn);
  }
  return catalog.models.filter(({ id }) => ids.has(id));
}

/** The priorities of these groups, ascending, each once. */
export function prioritiesOf({ groups }: Groups, chosen: readonly string[]): number[] {
  const priorities = groups.filter(({ id }) => chosen.includes(id)).map(({ priority }) => priority);
  return [...new Set(priorities)].toSorted((a, b) => a - b);
}

/** What the system and the databases need beside the models. */
export const systemMemoryGib = 8;

/**
 * What these models take once loaded, in GiB: each group set to a tenth, as it is shown, so that the sum is the sum of what
 * is shown. Of those that are loaded on demand, the largest.
 */
export function memoryGibOf(models: readonly CatalogModel[]): number {
  const always = models.filter(({ loading }) => loading === "always");
  const groups = [...new Set(always.map(({ group }) => group))];
  const tenths = groups.map((group) => {
    const gib = always.reduce(
      (sum, model) => sum + (model.group === group ? model.memoryGib : 0),
      0,
    );
    return Math.round(gib * 10);
  });
  const onDemand = models.flatMap(({ loading, memoryGib }) =>
    loading === "always" ? [] : [memoryGib],
  );
  const largest = Math.round(Math.max(0, ...onDemand) * 10);
  return (tenths.reduce((sum, each) => sum + each, 0) + largest) / 10;
}

/** What these models let the stack do, each once, by the names of the health contract. */
export function capabilitiesOf(models: readonly CatalogModel[]): string[] {
  return [...new Set(models.flatMap(({ capability }) => capability ?? []))];
}
