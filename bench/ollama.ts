/**
 * What a model of Ollama's takes: `heros pull ollama:NAME` beside `ollama pull` of Ollama's own program, from one registry on
 * loopback, in turns. nginx sends the layers, over an open link and with each connection held to 20 MB/s by the kernel. Both
 * verify what came. Needs the build, Debian's nginx and perl (installed where this is root), and Go for ollama unless OLLAMA
 * names one.
 *
 *     npm run bench:ollama                 a layer of 300 MB, 9 rounds, 10 kills
 *     npm run bench:ollama -- --quick      a third of it, 3 rounds, 3 kills
 *     npm run bench:ollama -- --check      ends with 1 where a bound is broken
 *
 * A kill is -9, at a random moment of the download. What nginx sent until the model is there, beyond its size, was fetched twice.
 */
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { installPrograms } from "./download/peers.ts";
import { type Command, killAfter, measure, runToEnd } from "./download/run-to-end.ts";
import { insideFolder, requireSpace } from "./download/workplace.ts";
import { type Figure, holds, median, percent, table } from "./figure.ts";
import { findOllama, pullByOllama, withOllama } from "./ollama/program.ts";
import { type Registry, requireModel, writeModel, withRegistry } from "./ollama/registry.ts";
import { cleanEnv, heros } from "./program.ts";

const { values } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    kills: { type: "string" },
    dir: { type: "string", default: tmpdir() },
  },
});
const layerBytes = values.quick ? 100e6 : 300e6;
const rounds = Number(values.rounds ?? (values.quick ? 3 : 9));
const kills = Number(values.kills ?? (values.quick ? 3 : 10));
const held = 20e6;

const figures = await insideFolder(values.dir, "heros-bench-", async (folder) => {
  await requireSpace(folder, layerBytes * 5);
  installPrograms();
  const ollama = findOllama(folder);
  const model = await writeModel(join(folder, "served"), randomBytes(layerBytes));
  const size = `${layerBytes / 1e6} MB`;
  const open = await withRegistry(folder, model, {}, async (registry) => [
    await race(registry, `${size}, open link`, 1.25),
    await killed(registry, `${size}, open link, kill -9`),
  ]);
  const link = { bytesPerSecondPerConnection: held };
  const slow = await withRegistry(folder, model, link, (registry) =>
    race(registry, `${size}, ${held / 1e6} MB/s a connection`, 1.5),
  );
  // What nginx gave its own kernel counts as sent: of 32 connections that is little only where each may hold little.
  const counted = { ...link, sendBufferBytes: 16 * 1024 };
  const slowKilled = await withRegistry(folder, model, counted, (registry) =>
    killed(registry, `${size}, ${held / 1e6} MB/s a connection, kill -9`),
  );
  return [...open, slow, slowKilled];

  async function race(registry: Registry, name: string, goal: number): Promise<Figure> {
    const took = { heros: [] as number[], ollama: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      const both = [
        async () => took.heros.push(await timeHeros(registry)),
        async () => took.ollama.push(await timeOllama(registry)),
      ];
      for (const run of round % 2 === 0 ? both : both.toReversed()) await run();
      const [own, other] = [took.heros.at(-1), took.ollama.at(-1)].map((ms) => twoDigits(ms ?? 0));
      console.log(`${name}, round ${round + 1}: heros ${own}, ollama ${other}`);
    }
    const [own, other] = [median(took.heros), median(took.ollama)];
    return {
      name,
      measured: twoDigits(own),
      compared: `ollama pull: ${twoDigits(other)}, ${(other / own).toFixed(2)} × as long`,
      ratio: own / other,
      bound: 1 / goal,
    };
  }

  function timeHeros(registry: Registry): Promise<number> {
    return insideFolder(folder, "run-", async (own) => {
      await runToEnd("sync", []);
      const { wallMs } = await measure(herosPull(registry, own), join(own, "log.txt"));
      await requireModel(join(own, "models"), model);
      return wallMs;
    });
  }

  /** Its server is up before, and its time counts no start. */
  function timeOllama(registry: Registry): Promise<number> {
    return insideFolder(folder, "run-", (own) =>
      withOllama(ollama, own, async (server) => {
        await runToEnd("sync", []);
        const { wallMs } = await measure(pullByOllama(server, registry.name), join(own, "log.txt"));
        await requireModel(join(own, "models"), model);
        return wallMs;
      }),
    );
  }

  async function killed(registry: Registry, name: string): Promise<Figure> {
    const wholeMs = await timeHeros(registry);
    const shares: number[] = [];
    for (let done = 0; done < kills; done += 1) {
      await insideFolder(folder, "killed-", async (own) => {
        const pull = herosPull(registry, own);
        await registry.takeSentBytes();
        await killAfter(pull, wholeMs * (0.15 + 0.8 * Math.random()));
        await measure(pull, join(own, "log.txt"));
        await requireModel(join(own, "models"), model);
        shares.push((await registry.takeSentBytes()) / model.layersBytes - 1);
        console.log(`${name}: ${percent(shares.at(-1) ?? 0)} fetched twice`);
      });
    }
    return {
      name,
      measured: `median of ${kills}: ${percent(median(shares))} fetched twice`,
      compared: `at most ${percent(Math.max(...shares))}`,
      ratio: median(shares) * 100,
      bound: 1,
    };
  }
});
console.log(`\n${table(figures)}`);
if (values.check && !figures.every(holds)) process.exitCode = 1;

function herosPull({ name }: Registry, folder: string): Command {
  const args = [...heros, "pull", `ollama:${name}`, "--output", "json"];
  const env = { ...cleanEnv(folder), OLLAMA_MODELS: join(folder, "models") };
  return { file: process.execPath, args, env };
}

function twoDigits(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
