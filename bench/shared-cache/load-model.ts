/**
 * What a program in a container does with a model of the Hub, without Python: it looks into the cache of the Hub's library,
 * downloads what is not there, as `snapshot_download` lays it down, and then reads every byte of it. Prints one JSON line
 * with how long each took, in milliseconds.
 *
 *     node load-model.ts OWNER/REPO      HF_ENDPOINT names the Hub
 */
import { createWriteStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const [repo = ""] = process.argv.slice(2);
const home =
  process.env["HF_HOME"] ?? path.join(process.env["HOME"] ?? "/root", ".cache/huggingface");
const hub = process.env["HF_HUB_CACHE"] ?? path.join(home, "hub");
const folder = path.join(hub, `models--${repo.replace("/", "--")}`);
const began = performance.now();
const found = await findSnapshot();
const snapshot = found ?? (await download());
const foundMs = performance.now() - began;
const names = await readdir(snapshot);
const sizes = await Promise.all(names.map((name) => readWhole(path.join(snapshot, name))));
const bytes = sizes.reduce((total, size) => total + size, 0);
const loadedMs = performance.now() - began - foundMs;
const endedAt = Date.now();
console.log(JSON.stringify({ downloaded: found === null, foundMs, loadedMs, bytes, endedAt }));

/** As far as it is needed here; no package is in the container that could check it. */
interface Revision {
  readonly sha: string;
  readonly siblings: readonly { readonly rfilename: string }[];
}

async function findSnapshot(): Promise<string | null> {
  const commit = await readFile(path.join(folder, "refs/main"), "utf8").catch(() => null);
  return commit === null ? null : path.join(folder, "snapshots", commit);
}

async function download(): Promise<string> {
  if (process.env["HF_HUB_OFFLINE"] === "1") throw new Error("not in the cache, and offline");
  const endpoint = process.env["HF_ENDPOINT"] ?? "";
  const info = await fetch(`${endpoint}/api/models/${repo}/revision/main`);
  const { sha, siblings } = (await info.json()) as Revision;
  const place = path.join(folder, "snapshots", sha);
  for (const each of ["blobs", "refs"]) await mkdir(path.join(folder, each), { recursive: true });
  await mkdir(place, { recursive: true });
  await Promise.all(
    siblings.map(async ({ rfilename }) => {
      const blob = path.join(folder, "blobs", rfilename);
      const answer = await fetch(`${endpoint}/${repo}/resolve/${sha}/${rfilename}`);
      if (!answer.ok || answer.body === null) throw new Error(`${rfilename}: ${answer.status}`);
      await pipeline(Readable.fromWeb(answer.body), createWriteStream(`${blob}.incomplete`));
      await rename(`${blob}.incomplete`, blob);
      await symlink(path.join("../../blobs", rfilename), path.join(place, rfilename));
    }),
  );
  await writeFile(path.join(folder, "refs/main"), sha);
  return place;
}

async function readWhole(file: string): Promise<number> {
  const handle = await open(file, "r");
  const buffer = Buffer.alloc(4 * 1024 * 1024);
  let total = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) break;
    total += bytesRead;
  }
  await handle.close();
  return total;
}
