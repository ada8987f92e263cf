/** `snapshotDownload` of what main is now, one repository after the other: node snapshots.ts ENDPOINT CACHE REPO… */
import { snapshotDownload } from "@huggingface/hub";

const [hubUrl = "", cacheDir = "", ...repos] = process.argv.slice(2);
// Its notes about each file are no part of the race.
console.debug = () => {};
for (const repo of repos) await snapshotDownload({ repo, hubUrl, cacheDir });
