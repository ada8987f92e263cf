import { createHash } from "node:crypto";
import { mkdir, open, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { RepoSpec } from "../../src/demo/hub/repository.ts";
import { cleanEnv, heros } from "../program.ts";
import type { Contestant } from "./contestants.ts";
import { writeAnswers, type ServedFile } from "./hosted-files.ts";
import { summarise, type Run } from "./race.ts";
import { measure, type Command } from "./run-to-end.ts";
import { withServer } from "./server.ts";
import type { Outcome, Setup } from "./setup.ts";
import { herOsFullSize } from "./specs.ts";
import { atMost } from "./targets.ts";
import { insideFolder } from "./workplace.ts";

const nothing: Contestant = {
  name: "node -e 0",
  verifies: false,
  needs: [],
  prepare: () =>
    Promise.resolve({ file: process.execPath, args: ["-e", "0"], env: { PATH: process.env.PATH } }),
};

/** heros as it is typed: the catalog that it brings, plain lines. */
const asTyped: Pick<Contestant, "prepare"> = {
  prepare: ({ folder, server }) => {
    const args = ["pull", "--all", "--endpoint", server.endpoint, "--cache-dir"];
    return Promise.resolve({
      file: process.execPath,
      args: [...heros, ...args, join(folder, "cache")],
      env: cleanEnv(folder),
    });
  },
};

/** her-os's models at their real sizes, all of them in the cache, as files with nothing but a size. */
export function measureCached(setup: Setup): Promise<Outcome> {
  const { dir, into, rounds, field } = setup;
  const host = (folder: string) => pretendFiles(folder, herOsFullSize());
  return withServer({ dir, host }, (server) =>
    insideFolder(into, "cached-", async (folder) => {
      const scenario = `nothing to do, ${Math.round(server.totalBytes / 1e9)} GB`;
      const racers = [];
      const ours = { ...field.heros, ...asTyped };
      for (const contestant of [ours, nothing, field.library, ...field.python]) {
        const own = join(folder, `racer-${racers.length}`);
        await fillCache(join(own, "cache"), server.files);
        const command = await contestant.prepare({ folder: own, server });
        racers.push({ contestant, command, log: join(own, "log.txt"), runs: [] as Run[] });
      }
      for (const { command, log } of racers) await measure(command, log);
      let herosRequests = 0;
      for (let round = 0; round < rounds * 3; round += 1) {
        for (const { contestant, command, log, runs } of racers) {
          const { cost, requests } = await counted(command, log);
          runs.push({ ...cost, sentBytes: 0 });
          if (contestant === ours) herosRequests += requests;
        }
      }
      const results = racers.map(({ contestant, runs }) =>
        summarise({ scenario, contestant, bytes: server.totalBytes, runs }),
      );
      const target = { what: scenario, bound: 3, peer: nothing.name, results } as const;
      return {
        results,
        targets: [
          ...atMost({ ...target, by: "wallMs" }),
          {
            what: "requests with nothing to do",
            heros: String(herosRequests),
            beside: "",
            measured: String(herosRequests),
            wanted: "0",
            holds: herosRequests === 0,
          },
        ],
      };

      async function counted(command: Command, log: string) {
        await server.takeTraffic();
        const cost = await measure(command, log);
        const { requests } = await server.takeTraffic();
        return { cost, requests };
      }
    }),
  );
}

/** The Hub's answers about files that nobody will fetch. */
async function pretendFiles(folder: string, specs: readonly RepoSpec[]): Promise<ServedFile[]> {
  const served: ServedFile[] = [];
  for (const { id: repo, files, commit = "" } of specs) {
    const entries = files.map((file) => {
      const size = "sizeBytes" in file ? file.sizeBytes : file.content.length;
      const sha256 = createHash("sha256").update(`${repo}/${file.path}`).digest("hex");
      served.push({
        repo,
        commit,
        path: file.path,
        sizeBytes: size,
        sha256,
        blobName: sha256,
        lfs: true,
      });
      const oid = sha256.slice(0, 40);
      const lfs = { oid: sha256, size, pointerSize: 130 };
      return { type: "file" as const, path: file.path, size, oid, lfs };
    });
    await writeAnswers(join(folder, "api/models", repo), commit, entries);
  }
  return served;
}

/** As Python's client would leave it. */
async function fillCache(cache: string, files: readonly ServedFile[]): Promise<void> {
  for (const { repo, commit, path, blobName, sizeBytes } of files) {
    const place = join(cache, `models--${repo.replace("/", "--")}`);
    const [blob, link] = [join(place, "blobs", blobName), join(place, "snapshots", commit, path)];
    for (const file of [blob, link, join(place, "refs/main")])
      await mkdir(dirname(file), { recursive: true });
    const sparse = await open(blob, "w");
    await sparse.truncate(sizeBytes);
    await sparse.close();
    await symlink(relative(dirname(link), blob), link);
    await writeFile(join(place, "refs/main"), commit);
  }
}
