import { mkdir, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { EmbeddedHub } from "../../src/demo/hub/hub.ts";
import type { HerosRun, Sandbox } from "./sandbox.ts";
import { catalogOf, openHosted } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;
let catalog: string;
/** Where the last setup put the models. */
let chosen: string;

beforeEach(async () => {
  ({ sandbox, hub } = await openHosted());
  catalog = await catalogOf(sandbox, "demo/voice", hub.commit("demo/voice"));
  chosen = join(sandbox.dir, "big disk/hub");
});

interface Run {
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

async function heros(words: readonly string[], { env = {}, args = [] }: Run = {}) {
  const everywhere = { HEROS_CATALOG: catalog, HEROS_ENDPOINT: hub.endpoint };
  return sandbox.run([...words, ...args, "--json"], { env: { ...everywhere, ...env } });
}

async function remember(kept: object): Promise<void> {
  const answers = { version: 1, finished: true, answers: {}, ...kept };
  await sandbox.file("home/.local/state/heros/answers.json", JSON.stringify(answers));
}

/** The folder that a command looks into, by its own telling. */
function placeOf(run: HerosRun): string | undefined {
  const found = run.events().map((event) => {
    if (event.type === "models.listed" || event.type === "status.read") return event.cacheDir;
    if (event.type === "prune.planned") return event.cacheDir;
    if (event.type === "model.ready") return event.path.split("/models--")[0];
    if (event.type === "machine.detected") {
      return event.disks.find(({ purpose }) => purpose === "models")?.path;
    }
    return undefined;
  });
  return found.find((place) => place !== undefined);
}

const told = [["models", "ls"], ["models", "prune", "--dry-run"], ["pull"], ["status"], ["doctor"]];

describe("where another folder for models was chosen", () => {
  it.each(told)("heros %s %s looks there", async (...words) => {
    await remember({ cacheDir: chosen });
    expect(placeOf(await heros(words.filter((word) => word !== undefined)))).toBe(chosen);
  });

  it("models verify and repair look there", async () => {
    await remember({ cacheDir: chosen });
    expect((await heros(["pull"])).exitCode).toBe(0);
    for (const action of ["verify", "repair"]) {
      const run = await heros(["models", action]);
      const finished = run.events().find(({ type }) => type === "verify.finished");
      expect([run.exitCode, finished]).toMatchObject([0, { files: 2 }]);
    }
    expect(await readdir(chosen)).toContain("models--demo--voice");
  });

  it.each([
    ["a path", { answers: { storage: ["/srv/models"] } }, "/srv/models"],
    ["Annie's own folder", { answers: { storage: ["stack-dir"] } }, "her-os/models"],
    [
      "nothing that makes sense",
      { answers: { storage: 7 }, cacheDir: "no" },
      ".cache/huggingface/hub",
    ],
  ])("%s, as an earlier version kept it, is understood", async (_which, kept, expected) => {
    await remember(kept);
    expect(placeOf(await heros(["models", "ls"]))).toBe(resolve(sandbox.home, expected));
  });

  it("the environment wins over it, and that is said; flags win over both", async () => {
    await remember({ cacheDir: chosen });
    const env = { HF_HOME: join(sandbox.dir, "hf") };
    const run = await heros(["models", "ls"], { env });
    expect(placeOf(run)).toBe(join(sandbox.dir, "hf/hub"));
    const notices = run.events().filter(({ type }) => type === "notice");
    expect(notices).toContainEqual(expect.objectContaining({ code: "cache.environment_wins" }));

    const flag = join(sandbox.dir, "flag");
    await mkdir(flag);
    const again = await heros(["models", "ls"], { env, args: ["--cache-dir", flag] });
    expect(placeOf(again)).toBe(flag);
    expect(again.stdout).not.toContain("cache.environment_wins");
  });

  it.each(["~/my models", "$HOME/my models"])("is %s where it is given so", async (words) => {
    const place = join(sandbox.home, "my models");
    for (const name of ["HEROS_STORAGE", "HEROS_CACHE_DIR", "HF_HUB_CACHE"]) {
      expect(placeOf(await heros(["models", "ls"], { env: { [name]: words } }))).toBe(place);
    }
    const config = await sandbox.file("heros.yaml", `storage: ${words}\n`);
    expect(placeOf(await heros(["models", "ls"], { args: ["--config", config] }))).toBe(place);
  });

  it("a flag for the storage wins over a cache of the environment", async () => {
    const env = { HEROS_CACHE_DIR: "/srv/weak", HEROS_STORAGE: "/srv/weaker, with a comma" };
    expect(placeOf(await heros(["models", "ls"], { env }))).toBe("/srv/weak");
    const config = await sandbox.file("heros.yaml", "cacheDir: /srv/weakest\n");
    const strong = { HEROS_STORAGE: "/srv/strong, with a comma" };
    const run = await heros(["models", "ls"], { env: strong, args: ["--config", config] });
    expect(placeOf(run)).toBe("/srv/strong, with a comma");
  });
});
