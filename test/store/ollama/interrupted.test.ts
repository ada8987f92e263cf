import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { downloadModels, surveyModels } from "../../../src/commands/download-models.ts";
import type { Host } from "../../../src/host/host.ts";
import { connectHub } from "../../../src/source/hub/hub.ts";
import { openOllama } from "../../../src/source/ollama/ollama.ts";
import { sourceByRepo } from "../../../src/source/source.ts";
import { storeByRepo } from "../../../src/store/by-repo.ts";
import { createHashing } from "../../../src/store/hashing.ts";
import { openHubCache } from "../../../src/store/hub-cache/hub-cache.ts";
import { openOllamaStore } from "../../../src/store/ollama/ollama-store.ts";
import { quickHost, smallTuning } from "../../download/scene.ts";
import { startRegistry } from "../../source/oci/registry-server.ts";
import { ollamaModel } from "../../source/ollama/models.ts";

const hashing = createHashing();
afterAll(() => hashing.close());
const { signal } = new AbortController();
const changing = ["mkdir", "rename", "rm", "rmdir"] as const;

/** The same host for a process that is killed at its nth change of a file, from this moment on. */
function dyingAt(host: Host, nth: number, since: () => boolean): Host {
  let changes = 0;
  const dying = Object.fromEntries(
    changing.map((name) => {
      const call = host.files[name] as (...given: unknown[]) => Promise<unknown>;
      const mortal = async (...given: unknown[]): Promise<unknown> => {
        if (since() && (changes += 1) >= nth) throw new Error("killed");
        return call(...given);
      };
      return [name, mortal];
    }),
  );
  const fileLocks: Host["fileLocks"] = {
    acquire: async () => "held",
    release: () => {},
    close: () => {},
  };
  return { ...host, fileLocks, files: { ...host.files, ...dying } };
}

test("killed at any moment of its publication, a model has no manifest or all of its blobs, and no byte comes again", async () => {
  const llava = ollamaModel("llava", { sizeBytes: 60_000 });
  await using server = await startRegistry({ storage: true });
  server.push("library/llava", "7b", llava);
  const host = quickHost();
  const repo = `ollama:${server.host}/library/llava`;
  const models = [
    {
      id: "ollama:llava:7b",
      title: "llava",
      priority: 0,
      purpose: "",
      parts: [{ repo, revision: "7b", files: null }],
    },
  ];
  const folder = await mkdtemp(join(tmpdir(), "heros-ollama-"));

  async function pull(modelsDir: string, nth: number): Promise<boolean> {
    let verified = 0;
    const mortal = dyingAt(host, nth, () => verified >= llava.blobs.length + 1);
    const source = sourceByRepo({
      hub: connectHub({ host, endpoint: "http://127.0.0.1:9", token: null }),
      ollama: openOllama({ host }),
    });
    const store = storeByRepo({
      hub: openHubCache({ host: mortal, cacheDir: join(folder, "hub") }),
      ollama: openOllamaStore({ host: mortal, modelsDir, hashing }),
    });
    const survey = await surveyModels({ source, store, models, signal });
    verified = survey.blobs.filter(({ cached }) => cached).length;
    const emit = (event: { readonly type: string }): void => {
      if (event.type === "file.verified") verified += 1;
    };
    return downloadModels({
      host: mortal,
      source,
      store,
      survey,
      signal,
      emit,
      tuning: smallTuning,
    }).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Error && error.message === "killed") return false;
        throw error;
      },
    );
  }

  async function expectWholeOrAbsent(modelsDir: string): Promise<boolean> {
    const manifest = join(modelsDir, "manifests", server.host, "library/llava/7b");
    const found = await readFile(manifest).catch(() => null);
    if (found === null) return false;
    expect(found.equals(llava.bytes)).toBe(true);
    for (const { digest, bytes } of llava.blobs) {
      const blob = await readFile(join(modelsDir, "blobs", digest.replace(":", "-")));
      expect(blob.equals(bytes)).toBe(true);
    }
    return true;
  }

  try {
    let nth = 1;
    for (let ended = false; !ended; nth += 1) {
      const modelsDir = join(folder, `models-${nth}`);
      ended = await pull(modelsDir, nth);
      await expectWholeOrAbsent(modelsDir);
      const asked = server.of("storage").length;
      expect(await pull(modelsDir, Number.POSITIVE_INFINITY)).toBe(true);
      expect(await expectWholeOrAbsent(modelsDir)).toBe(true);
      expect(server.of("storage")).toHaveLength(asked);
      expect(await readdir(join(modelsDir, ".heros")).catch(() => [])).toEqual(["locks"]);
    }
    expect(nth).toBeGreaterThan(10);
  } finally {
    host.network.close();
    await rm(folder, { recursive: true, force: true });
  }
});
