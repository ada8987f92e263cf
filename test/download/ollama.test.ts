import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { downloadModels, surveyModels } from "../../src/commands/download-models.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { connectHub } from "../../src/source/hub/hub.ts";
import { openOllama } from "../../src/source/ollama/ollama.ts";
import { sourceByRepo } from "../../src/source/source.ts";
import { storeByRepo } from "../../src/store/by-repo.ts";
import { openHubCache } from "../../src/store/hub-cache/hub-cache.ts";
import { openOllamaStore } from "../../src/store/ollama/ollama-store.ts";
import { startRegistry } from "../source/oci/registry-server.ts";
import { failed } from "../source/oci/scene.ts";
import { ollamaModel } from "../source/ollama/models.ts";
import { quickHost, smallTuning } from "./scene.ts";

const { signal } = new AbortController();

test.each([
  ["more", 100_000],
  ["fewer", -100_000],
])(
  "a manifest that promises %s bytes than a layer has ends with a clear failure, and no model",
  async (_what, by) => {
    const folder = await mkdtemp(join(tmpdir(), "heros-ollama-"));
    await using server = await startRegistry({ storage: true });
    const lie = ollamaModel("llava", {
      sizeBytes: 600_000,
      change: (all) => ({
        ...all,
        layers: (all["layers"] as { size: number }[]).map((layer) =>
          layer.size === 600_000 ? { ...layer, size: layer.size + by } : layer,
        ),
      }),
    });
    server.push("library/llava", "7b", lie);
    const host = quickHost();
    const [repo, revision] = [`ollama:${server.host}/library/llava`, "7b"];
    const modelsDir = join(folder, "models");
    const source = sourceByRepo({
      hub: connectHub({ host, endpoint: "http://127.0.0.1:9", token: null }),
      ollama: openOllama({ host }),
    });
    const store = storeByRepo({
      hub: openHubCache({ host, cacheDir: join(folder, "hub") }),
      ollama: openOllamaStore({ host, modelsDir }),
    });
    const parts = [{ repo, revision, files: null }];
    const models = [{ id: "ollama:llava:7b", title: "llava", priority: 0, purpose: "", parts }];
    const events: HerosEvent[] = [];
    try {
      const survey = await surveyModels({ source, store, models, signal });
      const emit = (event: HerosEvent): void => void events.push(event);
      const tuning = { ...smallTuning, badAnswersMs: 2000, failAfterMs: 4000 };
      await expect(
        downloadModels({ host, source, store, survey, signal, emit, tuning }),
      ).rejects.toEqual(failed("registry.server_error", 5, server.host));
      expect(await readdir(modelsDir)).toEqual([".heros"]);
      expect(events.some(({ type }) => type === "model.ready")).toBe(false);
    } finally {
      host.network.close();
      host.fileLocks.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
);
