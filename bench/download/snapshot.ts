/** `snapshotDownload` as a program: node snapshot.ts ENDPOINT CACHE REPO@COMMIT… */
import { snapshotDownload } from "@huggingface/hub";

const [hubUrl = "", cacheDir = "", ...revisions] = process.argv.slice(2);
// Its notes about each file are no part of the race.
console.debug = () => {};
for (const text of revisions) {
  const [repo = "", revision = ""] = text.split("@");
  await snapshotDownload({ repo, revision, hubUrl, cacheDir });
}
