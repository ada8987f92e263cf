import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { expect, onTestFinished } from "vitest";
import { freePort } from "../host/free-port.ts";
import { openCells } from "./cells.ts";
import { docker, ofType } from "./run-heros.ts";
import { openScene, type Scene } from "./scene.ts";
import { isOnline, mountOfAnnie, volumeName } from "./storage.ts";

const cell = openCells();

const startups = ["progressive", "wait", "warmup"] as const;

/** Each with what its mount is, and where this machine has it. NFS is judged by compose's config alone, in storage.e2e.ts. */
const storages: Readonly<Record<string, () => Promise<{ storage: string; type: string }>>> = {
  "shared cache": async () => ({ storage: "hub-cache", type: "bind" }),
  "folder of the stack": async () => ({ storage: "stack-dir", type: "bind" }),
  async "another disk"() {
    const disk = await mkdtemp("/dev/shm/heros-test-");
    onTestFinished(() => rm(disk, { recursive: true, force: true }));
    return { storage: path.join(disk, "models"), type: "bind" };
  },
  "Docker volume": async () => ({ storage: `volume:${volumeName()}`, type: "volume" }),
};

for (const [title, open] of Object.entries(storages)) {
  cell(`${title}: ${startups.join(", ")}`, async () => {
    const { storage, type } = await open();
    const scene = await openScene({ storage: true });
    const flags = [`--port=${await freePort()}`, "--tiers=1", `--storage=${storage}`];
    const told: string[] = [];
    for (const startup of startups) {
      const run = await scene.setup([...flags, `--startup=${startup}`]);
      isOnline(run);
      const mount = await mountOfAnnie(scene);
      expect(mount).toMatchObject({ Type: type, RW: false });
      // Annie is healthy only once she has opened each file of them; and they lie where the answer says.
      const names = await readdir(mount.Source);
      expect(names).toContain("models--Qwen--Qwen3-Embedding-0.6B");
      const [before, files] = [await containers(scene), await written(scene)];
      const again = await scene.setup([...flags, `--startup=${startup}`]);
      isOnline(again);
      expect(await containers(scene)).toEqual(before);
      expect(await written(scene)).toEqual(files);
      told.push(`${startup} ${seconds(ofType(run, "annie.online")[0]?.elapsedMs)}`);
    }
    // Fetched once, by the first of them.
    expect(scene.hub.sentBytes()).toBeLessThan(1.05 * (await sizeOfFirstSet(scene)));
    return told.join(", ");
  });
}

/** All but the warm-up, which runs again at each start. */
async function containers({ stackDir }: Scene): Promise<string[]> {
  const ids = (await docker(["compose", "ps", "-aq"], stackDir)).trim().split("\n");
  const format = "{{.Name}} {{.Id}} {{.State.StartedAt}}";
  const lines = (await docker(["inspect", "--format", format, ...ids])).trim().split("\n");
  return lines.filter((line) => !line.includes("model-warmup")).toSorted();
}

async function written({ stackDir }: Scene): Promise<string[]> {
  const names = ["docker-compose.yml", "docker-compose.heros.yml", ".env"];
  return Promise.all(names.map((name) => readFile(path.join(stackDir, name), "utf8")));
}

async function sizeOfFirstSet(scene: Scene): Promise<number> {
  const [listed] = ofType(await scene.start("status").ended, "status.read");
  return listed?.models.reduce((sum, { totalBytes }) => sum + (totalBytes ?? 0), 0) ?? 0;
}

function seconds(ms = Number.NaN): string {
  return `online after ${(ms / 1000).toFixed(1)} s`;
}
