import { completeTiers } from "../catalog/select.ts";
import { formatBytes, formatEta } from "../progress/units.ts";
import type { Planning } from "./planning.ts";
import { badAnswer } from "./question-parts.ts";
import type { Option, Question } from "./questions.ts";

export const tiers: Question = {
  id: "tiers",
  title: "Annie can do",
  kind: "many",
  prompt: "What should Annie be able to do?",
  why: "Each choice is a set of models to download; you can add one later.",
  help:
    "Annie needs the first set to be of any use, so it always comes, and comes first. " +
    "The others are fetched after it, while she works already. " +
    "Run heros setup again at any time to add a set: what is there is not fetched twice.",
  flag: "--tiers",
  argument: "list",
  summary: "sets of models, as 1,2 (default: the required and the important ones)",
  environment: "HEROS_TIERS",
  configKey: "tiers",
  applies: ({ catalog }) => catalog.tiers.some((tier) => !tier.required),
  options: (planning) => planning.catalog.tiers.map((tier) => tierOption(planning, tier.id)),
  selected: (answers) => answers.tiers.map(String),
  patch: (catalog, answers, values) => {
    return { ...answers, tiers: completeTiers(catalog, parseTiers(values)) };
  },
};

/**
 * Tier ids as people write them: `1,2`.
 * @throws Failure `plan.bad_answer` (exit 2)
 */
export function parseTiers(values: readonly string[]): number[] {
  const ids = values.flatMap((value) => value.split(/[\s,]+/)).filter((value) => value !== "");
  const wrong = ids.find((id) => !/^\d+$/.test(id));
  if (wrong !== undefined || ids.length === 0) {
    throw badAnswer(tiers, wrong ?? "", "numbers with commas between, as in 1,2");
  }
  return ids.map(Number);
}

function tierOption(planning: Planning, id: number): Option {
  const tier = planning.catalog.tiers.find((candidate) => candidate.id === id);
  const models = planning.models.filter((model) => model.tier === id);
  const memoryGib = planning.catalog.models
    .filter((model) => model.tier === id)
    .reduce((sum, model) => sum + model.memoryGib, 0);
  const total = models.reduce((sum, model) => sum + model.totalBytes, 0);
  const missing = models.reduce((sum, model) => sum + model.totalBytes - model.cachedBytes, 0);
  const details = [
    total === 0 ? "size not known yet" : formatBytes(total),
    `${Number(memoryGib.toFixed(1))} GiB of memory`,
    ...(total > 0 && missing === 0 ? ["here already"] : []),
    ...(missing > 0 && missing < total ? [`${formatBytes(total - missing)} here already`] : []),
    ...(missing > 0 && planning.bytesPerSecond !== null
      ? [`about ${formatEta(missing / planning.bytesPerSecond)}`]
      : []),
  ];
  const gains = models.map((model) => model.purpose).filter((purpose) => purpose !== "");
  return {
    value: String(id),
    label: gains.length > 0 ? gains.join("; ") : (tier?.name ?? `Tier ${id}`),
    detail: `${tier?.name ?? `Tier ${id}`}: ${details.join(", ")}`,
    locked: tier?.required ?? false,
  };
}
