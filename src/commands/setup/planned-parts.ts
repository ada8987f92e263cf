import { downloadRefusals, refusalOf, type Wanted } from "../../checks/detect.ts";
import type { FoundVolume } from "../../plan/storage.ts";
import type { Notice } from "../../run/events/run.ts";
import type { Failure } from "../../run/failure.ts";
import { formatBytes } from "../../run/units.ts";
import { type CatalogModel, memoryGibOf } from "../../catalog/catalog.ts";
import type { Answers } from "../../plan/questions.ts";
import type { Machine } from "../../run/events/machine.ts";
import type { PlannedDisk, PlannedMemory, PlannedModel } from "../../run/events/plan.ts";
import { type NeededSpace, needsByDisk, type SurveyedModel } from "../../store/store.ts";

/** Disks that something comes to. */
export function plannedDisks(needs: readonly NeededSpace[]): PlannedDisk[] {
  return needsByDisk(needs)
    .filter(({ neededBytes }) => neededBytes > 0)
    .map((each) => ({ ...each, what: each.what.filter((what) => what !== "upgrade") }));
}

export function plannedMemory(
  models: readonly CatalogModel[],
  servicesGib: number,
  { gpu, memoryBytes }: Machine,
): PlannedMemory {
  const own = gpu?.memoryBytes ?? null;
  const neededBytes = Math.round((memoryGibOf(models) + servicesGib) * 1024 ** 3);
  return { neededBytes, totalBytes: own ?? memoryBytes, ofGpu: own !== null };
}

export function isKept({ token, keepToken }: Answers): boolean {
  return keepToken || token.source === "kept";
}

export function toPlannedModel(model: SurveyedModel): PlannedModel {
  const { label, purpose, totalBytes, cachedBytes, resumedBytes } = model;
  const { id, title, tier } = label;
  return { id, title, purpose, tier, totalBytes, cachedBytes: cachedBytes + resumedBytes };
}

export function inOrderOf(models: readonly CatalogModel[], planned: readonly PlannedModel[]) {
  return models.flatMap(({ id }) => planned.filter((model) => model.id === id));
}

export function toBakedModel({ id, title, purpose, priority: tier }: CatalogModel): PlannedModel {
  return { id, title, purpose, tier, totalBytes: 0, cachedBytes: 0, baked: true };
}

export function volumeNotice({ name, bytes }: FoundVolume): Notice {
  const held = bytes === null ? "models" : `${formatBytes(bytes)} of models`;
  return {
    type: "notice",
    level: "info",
    code: "storage.volume_found",
    message: `The Docker volume ${name} of an earlier install holds ${held}.`,
    hint: `To use them instead of downloading: --storage volume:${name}`,
  };
}

/** @throws Failure that says what is in the way of the download, the disk's (exit 7) among it */
export function refuse(wanted: Wanted, place: Failure | null): void {
  const [refusal, ...others] = downloadRefusals({ wanted, place, hub: null });
  if (refusal !== undefined) throw refusalOf(refusal, others);
}
