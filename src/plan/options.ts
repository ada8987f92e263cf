import { groupLack } from "../catalog/capacity.ts";
import {
  type Catalog,
  groupOf,
  memoryGibOf,
  modelsOfGroups,
  requiredGroups,
  withRequires,
} from "../catalog/catalog.ts";
import { formatBytes, formatEta, formatMemory } from "../run/units.ts";
import type { Circumstances, OptionFacts, Startup } from "./answers.ts";

export interface Option {
  /** What the flag, the environment variable and the config file call it. */
  readonly value: string;
  readonly label: string;
  /** One line more: a size, a place, a consequence. */
  readonly detail: string;
  /** Can't be left out. */
  readonly locked: boolean;
  /** What is best for most people, where that is not obvious. */
  readonly recommended?: boolean;
  /** Where the option is a set of models: what a grid has columns for. */
  readonly set?: ModelSet;
}

/** What a set of models gives and takes. */
export interface ModelSet {
  /** "Memory search, names and dates". */
  readonly gives: string;
  /** 0 where the Hub tells no size. */
  readonly totalBytes: number;
  readonly cachedBytes: number;
  readonly memoryBytes: number;
}

/** An option that can be left out. */
export function option(value: string, label: string, detail: string, recommended = false): Option {
  return { value, label, detail, locked: false, recommended };
}

/** A set of models. */
export function groupOption(facts: OptionFacts, id: string): Option {
  const { catalog } = facts;
  const group = groupOf(catalog, id);
  // What comes with it counts, but for what is there anyway.
  const required = requiredGroups(catalog);
  const own = withRequires(catalog, [id]).filter((each) => each === id || !required.includes(each));
  const ofGroups = modelsOfGroups(catalog, own);
  const models = facts.models.filter((model) => ofGroups.some((each) => each.id === model.id));
  const memoryBytes = memoryGibOf(ofGroups) * 1024 ** 3;
  const lack = facts.capacity === null ? null : groupLack(catalog, id, facts.capacity);
  const totalBytes = models.reduce((sum, model) => sum + model.totalBytes, 0);
  const cachedBytes = models.reduce((sum, model) => sum + model.cachedBytes, 0);
  const missing = Math.max(0, totalBytes - cachedBytes);
  const details = [
    totalBytes === 0 ? "size unknown" : formatBytes(totalBytes),
    `${formatMemory(memoryBytes)} memory`,
    ...(totalBytes > 0 && missing === 0 ? ["cached"] : []),
    ...(missing > 0 && cachedBytes > 0 ? [`${formatBytes(cachedBytes)} cached`] : []),
    ...(missing > 0 && facts.bytesPerSecond !== null
      ? [`about ${formatEta(missing / facts.bytesPerSecond)}`]
      : []),
  ];
  const gives = group?.gives ?? givesText(models.map((model) => model.purpose));
  if (lack !== null) details.push(`needs ${lack}`);
  return {
    value: id,
    label: group?.title ?? id,
    detail: `${gives === "" ? "" : `${gives}. `}${details.join(", ")}`,
    locked: group?.required ?? false,
    set: { gives, totalBytes, cachedBytes, memoryBytes },
  };
}

/** "Memory search, names and dates". */
function givesText(purposes: readonly string[]): string {
  return purposes
    .filter((purpose) => purpose !== "")
    .map((purpose, index) =>
      // A word of capitals keeps them: "TTS", "OCR of receipts".
      index > 0 && /^[A-Z][a-z]/.test(purpose)
        ? purpose.slice(0, 1).toLowerCase() + purpose.slice(1)
        : purpose,
    )
    .join(", ");
}

/** When a stack can start. */
export function startupOptions(catalog: Pick<Catalog, "stack">): Option[] {
  const all = [
    option("progressive", "Right away", "Online with the required models; the rest follow.", true),
    option("wait", "After all downloads finish", "Everything works from the start."),
    option("warmup", "With a warm-up container", "Waits, and each start checks the models first."),
  ];
  return all.slice(0, startups(catalog).length);
}

/** With a warm-up container where the stack has one. */
export function startups({ stack }: Pick<Catalog, "stack">): readonly Startup[] {
  const hasWarmup = stack.services.some(({ warmup }) => warmup !== null);
  return hasWarmup ? ["progressive", "wait", "warmup"] : ["progressive", "wait"];
}

/** What can be given in the place of a wrong one. */
export function rightStartup(wrong: string, catalog: Pick<Catalog, "stack">): string {
  const right = startups(catalog)
    .join(", ")
    .replace(/, (?<last>\w+)$/u, " or $<last>");
  const why = wrong === "warmup" ? `; ${catalog.stack.title} has no warm-up container` : "";
  return `${right}${why}`;
}

/** The Hub tells nobody without a token how large it is. */
export const isGated = ({ totalBytes }: Circumstances["models"][number]): boolean =>
  totalBytes === 0;

/** What can be had without one. */
export function withoutToken(models: Circumstances["models"]): string {
  const closed = models.filter(isGated).map(({ title }) => title);
  return closed.length === 0
    ? "All of the models can be downloaded without one."
    : `Not enough for ${closed.join(", ")}: the Hub requires a token that has access.`;
}

/** What the service does to this machine, and when it starts. */
export function bootText(service: Circumstances["bootService"]): string {
  if (service === null) return "By a systemd user service, until it is online.";
  const when = service.lingers
    ? "Starts at boot."
    : "Starts at login; at boot with: loginctl enable-linger";
  return `Writes ${service.file} and removes it when all is online. ${when}`;
}
