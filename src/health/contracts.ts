import type { Expectation, HealthContract, ServedModel } from "../catalog/stack.ts";
import { isRecord, parseJson } from "../run/json.ts";
import { parseHealthReport } from "../run/health-report.ts";
import type { StackModel } from "../run/events/stack.ts";

/** What a stack says of itself, or what is known while it says nothing. */
export interface Health {
  /** `unreachable` until something answers, `starting` until the answer is its own; then its own word. */
  readonly status: string;
  readonly capabilities: Readonly<Record<string, boolean>>;
  readonly models: Readonly<Record<string, StackModel>>;
}

/** Where a contract is asked, on the stack's own address; null where Docker is asked instead. */
export function pathOf(contract: HealthContract): string | null {
  switch (contract.kind) {
    case "annie":
    case "http":
      return contract.path;
    case "openai":
      return "/v1/models";
    case "ollama":
      return "/api/tags";
    case "compose":
      return null;
  }
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * What an answer says by its contract.
 * @param groups the chosen ones, by id
 * @returns null where it is not an answer of that contract
 */
export function readAnswer(
  contract: HealthContract,
  { status, text }: HttpAnswer,
  groups: readonly string[],
): Health | null {
  switch (contract.kind) {
    case "annie": {
      const report = parseHealthReport(text);
      return (
        report && {
          status: report.status,
          capabilities: report.capabilities,
          models: report.checks.models,
        }
      );
    }
    case "http":
      return status < 200 || status > 299 ? null : readExpected(contract.expects, text, groups);
    case "openai":
      return readServed(contract.models, namesIn(text, "data", "id"), groups);
    case "ollama":
      return readServed(contract.models, namesIn(text, "models", "name"), groups);
    case "compose":
      return null;
  }
}

/** Capabilities of which a contract itself says whether they are there. */
export function toldBy(contract: HealthContract): string[] {
  switch (contract.kind) {
    case "http":
      return contract.expects.flatMap(({ capability }) => capability ?? []);
    case "openai":
    case "ollama":
      return contract.models.flatMap(({ capability }) => capability ?? []);
    case "annie":
    case "compose":
      return [];
  }
}

function isWanted({ groups }: { readonly groups: readonly string[] }, chosen: readonly string[]) {
  return groups.length === 0 || groups.some((id) => chosen.includes(id));
}

function readExpected(
  expects: readonly Expectation[],
  text: string,
  groups: readonly string[],
): Health | null {
  const value = parseJson(text);
  if (expects.length > 0 && value === undefined) return null;
  const seen = expects
    .filter((each) => isWanted(each, groups))
    .map((each) => ({ ...each, isMet: isMet(each, value) }));
  return healthOf(
    seen.map(({ path, isMet: has, capability }) => ({ name: path.join("."), has, capability })),
  );
}

function isMet({ path, ...expected }: Expectation, value: unknown): boolean {
  const found = findIn(value, path);
  if (expected.equals !== undefined) return found === expected.equals;
  return !isEmpty(found) && found !== false;
}

function readServed(
  models: readonly ServedModel[],
  names: readonly string[] | null,
  groups: readonly string[],
): Health | null {
  if (names === null) return null;
  const found = new Set(names.flatMap((name) => [name, name.replace(/:latest$/u, "")]));
  return healthOf(
    models
      .filter((each) => isWanted(each, groups))
      .map(({ name, capability }) => ({ name, capability, has: found.has(name) })),
  );
}

interface Seen {
  readonly name: string;
  readonly has: boolean;
  readonly capability: string | null;
}

/** Healthy once every condition is met; what is a capability is none. */
function healthOf(seen: readonly Seen[]): Health {
  const missing = seen.find(({ has, capability }) => !has && capability === null);
  const capabilities = seen.flatMap(({ capability, has }): [string, boolean][] =>
    capability === null ? [] : [[capability, has]],
  );
  return {
    status: missing === undefined ? "healthy" : `waiting for ${missing.name}`,
    capabilities: Object.fromEntries(capabilities),
    models: {},
  };
}

/** Names in a list of an answer; null where there is no such list. */
function namesIn(text: string, list: string, key: string): string[] | null {
  const value = parseJson(text);
  const entries: unknown = isRecord(value) ? value[list] : null;
  if (!Array.isArray(entries)) return null;
  return (entries as unknown[]).flatMap((entry) => {
    const name = isRecord(entry) ? entry[key] : null;
    return typeof name === "string" ? [name] : [];
  });
}

/** What keys, and numbers of lists, lead to; undefined where they lead nowhere. */
export function findIn(value: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((from, key) => {
    if (Array.isArray(from))
      return /^\d+$/.test(key) ? (from as unknown[])[Number(key)] : undefined;
    return isRecord(from) && Object.hasOwn(from, key) ? from[key] : undefined;
  }, value);
}

export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value === "string") return value.trim() === "";
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.keys(value).length === 0;
}
