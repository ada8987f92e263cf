/**
 * What checking a catalog of 200 models takes: in a process that is warm, and, told apart, in one that has only just begun, as
 * a person's is.
 *
 *     npm run bench:catalog
 *     npm run bench:catalog -- --check [--slack 1.5]   ends with 1 where the bound is not kept, or one that much wider
 */
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { parseCatalog } from "../src/catalog/load.ts";
import {
  checkOptions,
  type Figure,
  holds,
  measureWithin,
  median,
  milliseconds,
  table,
} from "./figure.ts";

const { values } = parseArgs({ options: checkOptions });
const models = 200;
const rounds = 30;
const mostMs = 50;

const text = catalogOf(models);
const firstMs = timeCheck();
const figures = await measureWithin(values, async () => [measure()]);
console.log(
  `${models} models, ${text.split("\n").length - 1} lines, ${Math.round(text.length / 1000)} kB.\n`,
);
console.log(table(figures));
if (values.check && !figures.every(holds)) process.exitCode = 1;

function measure(): Figure {
  const warmMs = median(Array.from({ length: rounds }, timeCheck));
  return {
    name: `a catalog of ${models} models, checked`,
    measured: milliseconds(warmMs),
    compared: `${milliseconds(mostMs)}; the first in a process: ${milliseconds(firstMs)}`,
    ratio: warmMs / mostMs,
    bound: 1,
  };
}

function timeCheck(): number {
  const began = performance.now();
  const found = parseCatalog(text, "bench.yaml").models.length;
  const elapsedMs = performance.now() - began;
  if (found !== models) throw new Error(`${found} models were read`);
  return elapsedMs;
}

/** As people write them: each key in use, a line each, with the files that are read and every fourth model of two repositories. */
function catalogOf(count: number): string {
  const model = (_: unknown, index: number): string => {
    const commit = createHash("sha1").update(String(index)).digest("hex");
    const also = `
    also:
      - repo: owner-${index}/tokenizer
        revision: ${commit}
        files: [tokenizer.json, tokenizer_config.json]`;
    return `
  # What number ${index} is for.
  - id: model-${index}
    title: Model ${index}
    repo: owner-${index % 17}/model-${index}
    revision: ${commit}
    tier: ${1 + (index % 5)}
    purpose: What it is for, in a few words
    capability: capability_${index % 9}
    memoryGib: ${(index % 40) / 2}
    enabledBy: ENABLE_${index}
    files:
      - config.json
      - generation_config.json
      - "*.safetensors"
      - model.safetensors.index.json
      - tokenizer.json
      - tokenizer_config.json${index % 4 === 0 ? also : ""}
`;
  };
  const tiers = [1, 2, 3, 4, 5].map((id) => `  - { id: ${id}, name: Tier ${id} }\n`);
  return `schema: 1
stack: bench
tiers:
${tiers.join("")}models:${Array.from({ length: count }, model).join("")}`;
}
