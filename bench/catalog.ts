/**
 * What checking a catalog of 200 models takes: in a process that is warm, and, told apart, the whole of
 * `heros catalog check FILE`, which starts Node, loads what it needs, and checks for the first time. Needs the build.
 *
 *     npm run bench:catalog
 *     npm run bench:catalog -- --check [--slack 1.5]   ends with 1 where the bound is not kept, or one that much wider
 */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
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
import { cleanEnv, heros, inFolder, timeNode } from "./program.ts";

const { values } = parseArgs({ options: checkOptions });
const models = 200;
const rounds = 40;
const starts = 5;
const mostMs = 50;

const text = catalogOf(models);
const figures = await inFolder(async (folder) => {
  const file = join(folder, "bench.yaml");
  writeFileSync(file, text);
  for (let round = 0; round < rounds; round += 1) timeCheck();
  return measureWithin(values, async () => [measure(file, cleanEnv(folder))]);
});
console.log(
  `${models} models, ${text.split("\n").length - 1} lines, ${Math.round(text.length / 1000)} kB\n\n${table(figures)}`,
);
if (values.check && !figures.every(holds)) process.exitCode = 1;

function measure(file: string, env: NodeJS.ProcessEnv): Figure {
  const warmMs = median(Array.from({ length: rounds }, timeCheck));
  const middle = (args: readonly string[]): string =>
    milliseconds(median(Array.from({ length: starts }, () => timeNode(args, env))));
  const whole = middle([...heros, "catalog", "check", file]);
  return {
    name: `a catalog of ${models} models, checked`,
    measured: milliseconds(warmMs),
    compared: `${milliseconds(mostMs)}; heros catalog check: ${whole}; node -e 0: ${middle(["-e", "0"])}`,
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

/** As people write them: a key a line, with the files that are read, and every fourth model from two repositories. */
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
    group: group-${index % 5}
    purpose: What it is for, in a few words
    capability: capability_${index % 9}
    memoryGib: ${(index % 40) / 2}
    files:
      - config.json
      - generation_config.json
      - "*.safetensors"
      - model.safetensors.index.json
      - tokenizer.json
      - tokenizer_config.json${index % 4 === 0 ? also : ""}
`;
  };
  const groups = [0, 1, 2, 3, 4].map((id) => `  - { id: group-${id}, title: Group ${id} }\n`);
  return `schema: 2
stack: { id: bench, title: Bench }
groups:
${groups.join("")}
models:${Array.from({ length: count }, model).join("")}`;
}
