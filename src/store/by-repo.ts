import { pathOf } from "../run/file-failure.ts";
import { type RepoScheme, schemeOf } from "../run/repos/file-listing.ts";
import { itemsOf, type Store, type Survey, type SurveyedItem, surveyOf } from "./store.ts";

/** A store for each kind of repository that a run keeps something of. */
export type StoresByScheme = { readonly hub: Store } & { readonly [Scheme in RepoScheme]?: Store };

/** Several stores as one; the Hub's may be several already. Sentences name the Hub cache's folder. */
export function storeByRepo(stores: StoresByScheme): Store {
  const { hub } = stores;
  const all = Object.values(stores);
  const of = ({ repo }: { readonly repo: string }): Store => {
    const scheme = schemeOf(repo);
    const store = stores[scheme] ?? (hub.takes?.(scheme) === true ? hub : undefined);
    if (store === undefined) throw new Error(`no store for ${repo}`);
    return store;
  };
  const ofItem = ({ snapshots: [first] }: SurveyedItem): Store =>
    first === undefined ? hub : of(first);
  const split = <Of extends { readonly repo: string }>(blobs: readonly Of[]) =>
    all.map((store) => ({ store, own: blobs.filter((blob) => of(blob) === store) }));
  /** What of a survey is this store's. */
  const part = (survey: Survey, store: Store): Survey =>
    surveyOf(
      survey,
      itemsOf(survey).filter((item) => ofItem(item) === store),
    );
  /** Something is missing in these. */
  let needed: readonly Store[] = [];

  return {
    folder: hub.folder,
    locate: (repo, commit) => of({ repo }).locate(repo, commit),
    commitOf: async (repo, revision) => of({ repo }).commitOf(repo, revision),
    listSnapshot: async (repo, commit) => of({ repo }).listSnapshot(repo, commit),
    hasFile: async (repo, commit, file) => of({ repo }).hasFile(repo, commit, file),
    lookUp: async (repo, file) => of({ repo }).lookUp(repo, file),
    freeBytes: () => hub.freeBytes(),
    findObstacle: async (survey, item) =>
      ofItem(item).findObstacle(part(survey, ofItem(item)), item),
    async neededSpace(survey) {
      const needs = await Promise.all(all.map((store) => store.neededSpace(part(survey, store))));
      return needs.flat();
    },

    async prepare(blobs, survey) {
      const parts = split(blobs);
      needed = parts.flatMap(({ store, own }) => (own.length > 0 ? [store] : []));
      for (const { store, own } of parts) await store.prepare(own, part(survey, store));
    },
    async requireNames() {
      for (const store of needed) await store.requireNames();
    },
    async migrate(blobs, signal) {
      for (const { store, own } of split(blobs)) await store.migrate(own, signal);
    },
    lock: async (blob) => of(blob).lock(blob),
    unlock: (blob) => of(blob).unlock(blob),
    findLockHolder: async (blob) => of(blob).findLockHolder(blob),
    has: async (blob) => of(blob).has(blob),
    openPartial: async (blob, noteBytes) => of(blob).openPartial(blob, noteBytes),
    followHash: async (blob, partial) => of(blob).followHash(blob, partial),
    digestsOf: async (blob, content) => of(blob).digestsOf(blob, content),
    keepPartial: async (blob, partial) => of(blob).keepPartial(blob, partial),
    keepContent: async (blob, content) => of(blob).keepContent(blob, content),

    publish: async (publication) => ofItem(publication.item).publish(publication),
    async tidy(blobs) {
      for (const { store, own } of split(blobs).toReversed()) await store.tidy(own);
    },
    async close() {
      for (const store of all.toReversed()) await store.close();
    },
    failureOf(error) {
      const path = pathOf(error) ?? "";
      const within = all.find(({ folder }) => `${path}/`.startsWith(`${folder}/`));
      // On the way to one alone, it is that one's.
      const below = all.filter(({ folder }) => folder.startsWith(`${path}/`));
      return (within ?? (below.length === 1 ? below[0] : undefined) ?? hub).failureOf(error);
    },
    takes: (scheme) => stores[scheme] !== undefined || hub.takes?.(scheme) === true,
  };
}
