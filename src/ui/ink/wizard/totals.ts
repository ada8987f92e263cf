import type { Question } from "../../../plan/questions.ts";
import { formatBytes, formatEta, formatMemory } from "../../../progress/units.ts";
import { frameColumns } from "../frame-size.ts";
import { span, type Line } from "../line.ts";
import type { WizardView } from "./view.ts";
import { shownOptions } from "./wizard-state.ts";

/** What the choice of tiers adds up to, against what the machine has; explained where it does not fit. */
export function totalLines(view: WizardView, question: Question): Line[] {
  if (question.id !== "tiers") return [];
  const { planning, chosen } = view.wizard;
  const locked = shownOptions(view.wizard).filter((option) => option.locked);
  const tiers = new Set([...chosen, ...locked.map(({ value }) => value)]);
  const models = planning.models.filter(({ tier }) => tiers.has(String(tier)));
  const missing = models.reduce((sum, model) => sum + model.totalBytes - model.cachedBytes, 0);
  const memoryBytes = planning.catalog.models
    .filter(({ tier }) => tiers.has(String(tier)))
    .reduce((sum, model) => sum + model.memoryGib * 1024 ** 3, 0);
  const disk = planning.machine.disks.find(({ purpose }) => purpose === "models");
  const time =
    planning.bytesPerSecond === null
      ? ""
      : `, about ${formatEta(missing / planning.bytesPerSecond)}`;
  const wide = frameColumns(view.size) >= 60;
  const free = disk === undefined || !wide ? "" : `; ${formatBytes(disk.freeBytes)} are free`;
  const lines: Line[] = [
    [
      span(
        missing === 0
          ? "Nothing to download."
          : `To download: ${formatBytes(missing)}${time}${free}.`,
      ),
    ],
    [
      span(
        `Memory: ${formatMemory(memoryBytes)} of ${formatMemory(planning.machine.memoryBytes)}.`,
      ),
    ],
  ];
  if (disk !== undefined && missing > disk.freeBytes) {
    lines.push([
      span(
        `${view.theme.signs.warning} ${formatBytes(missing - disk.freeBytes)} of disk are missing. Leave a set out, or choose another disk next.`,
        "warning",
      ),
    ]);
  }
  if (memoryBytes > planning.machine.memoryBytes) {
    lines.push([
      span(
        `${view.theme.signs.warning} More memory than this machine has. Leave a set out.`,
        "warning",
      ),
    ]);
  }
  return lines;
}
