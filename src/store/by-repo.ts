import { isImageRepo } from "../run/file-listing.ts";
import type { Store, SurveyedItem } from "./store.ts";

/** The Hub cache and the images beside it as one store. */
export function storeByRepo({
  hub,
  images,
}: {
  readonly hub: Store;
  readonly images: Store;
}): Store {
  const of = ({ repo }: { readonly repo: string }): Store => (isImageRepo(repo) ? images : hub);
  const ofItem = ({ snapshots: [first] }: SurveyedItem): Store =>
    first === undefined ? hub : of(first);
  const split = <Of extends { readonly repo: string }>(all: readonly Of[]) => ({
    ofHub: all.filter(({ repo }) => !isImageRepo(repo)),
    ofImages: all.filter(({ repo }) => isImageRepo(repo)),
  });
  /** Something of a model is missing. */
  let needsHub = false;

  return {
    folder: hub.folder,
    locate: (repo, commit) => of({ repo }).locate(repo, commit),
    commitOf: (repo, revision) => of({ repo }).commitOf(repo, revision),
    listSnapshot: (repo, commit) => of({ repo }).listSnapshot(repo, commit),
    hasFile: (repo, commit, file) => of({ repo }).hasFile(repo, commit, file),
    lookUp: (repo, file) => of({ repo }).lookUp(repo, file),
    freeBytes: () => hub.freeBytes(),
    findObstacle: (survey, item) => ofItem(item).findObstacle(survey, item),
    async neededSpace(survey) {
      const needs = await Promise.all([hub.neededSpace(survey), images.neededSpace(survey)]);
      return needs.flat();
    },

    async prepare(blobs, survey) {
      const { ofHub, ofImages } = split(blobs);
      needsHub = ofHub.length > 0;
      await hub.prepare(ofHub, survey);
      await images.prepare(ofImages, survey);
    },
    async requireNames() {
      if (needsHub) await hub.requireNames();
    },
    migrate: (blobs, signal) => hub.migrate(split(blobs).ofHub, signal),
    lock: (blob) => of(blob).lock(blob),
    unlock: (blob) => of(blob).unlock(blob),
    findLockHolder: (blob) => of(blob).findLockHolder(blob),
    has: (blob) => of(blob).has(blob),
    openPartial: (blob, noteBytes) => of(blob).openPartial(blob, noteBytes),
    followHash: (blob, partial) => of(blob).followHash(blob, partial),
    digestsOf: (blob, content) => of(blob).digestsOf(blob, content),
    keepPartial: (blob, partial) => of(blob).keepPartial(blob, partial),
    keepContent: (blob, content) => of(blob).keepContent(blob, content),

    publish: (publication) => ofItem(publication.item).publish(publication),
    async tidy(blobs) {
      const { ofHub, ofImages } = split(blobs);
      await images.tidy(ofImages);
      await hub.tidy(ofHub);
    },
    async close() {
      await images.close();
      await hub.close();
    },
    failureOf: (error) => hub.failureOf(error),
  };
}
