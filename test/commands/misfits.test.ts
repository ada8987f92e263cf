import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseCatalog } from "../../src/catalog/load.ts";
import { requireFitting, withoutMisfits } from "../../src/commands/setup/misfits.ts";
import { initialAnswers } from "../../src/plan/questions.ts";

const file = "assets/catalogs/rma-demo.yaml";
const rma = parseCatalog(readFileSync(file, "utf8"), file);
const noGpu = { gpus: 0, gpuMemoryGib: 0, memoryGib: 23.5 };
const spark = { gpus: 1, gpuMemoryGib: 121.6, memoryGib: 121.6 };

test("what nobody chose and the machine can't run is left out, with the models that came along with it", () => {
  const { answers, notices } = withoutMisfits(rma, initialAnswers(rma), noGpu);
  expect(answers.groups.toSorted()).toEqual(["cpu-worker", "model-llama", "model-nomic"]);
  expect(notices.map(({ message }) => message)).toEqual([
    "GPU worker is left out: it needs a GPU with 8 GiB of memory; no GPU was found here.",
  ]);
});

test("where all of it fits, the answers stay as they are", () => {
  const initial = initialAnswers(rma);
  const { answers, notices } = withoutMisfits(rma, initial, spark);
  expect([answers.groups, notices]).toEqual([initial.groups, []]);
});

test("what was chosen and can't run is refused, in a form without flags", () => {
  const refused = (): void => requireFitting(rma, { groups: ["vllm"] }, noGpu);
  expect(refused).toThrow(
    expect.objectContaining({
      code: "groups.too_much",
      hint: "Choose what fits: --group cpu-worker,embedding.",
      formHint: "Choose what fits: CPU worker, Embedding worker.",
    }),
  );
});
