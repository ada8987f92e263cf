/** What a compose file holds once it is parsed. */
export type Value = string | number | boolean | null | readonly Value[] | ValueMap;
export interface ValueMap {
  readonly [key: string]: Value;
}

/** A value `!reset` or `!override` is kept as a map with this one key. */
export const tagKeys = { "!reset": "\0reset", "!override": "\0override" } as const;

/** Keys whose later value stands alone. */
const replaced = new Set(["command", "entrypoint", "test"]);

/** Compose's rules: maps merge, lists append, volumes are one a target; command, entrypoint and health check are replaced. */
export function mergeValues(before: Value | undefined, after: Value, key = ""): Value {
  if (isMap(after)) {
    if (tagKeys["!reset"] in after) return null;
    const override = after[tagKeys["!override"]];
    if (override !== undefined) return override;
  }
  if (key === "environment" || key === "labels") return { ...pairs(before), ...pairs(after) };
  if (isList(before) && isList(after)) {
    if (replaced.has(key)) return after;
    const all = [...before, ...after];
    return key === "volumes"
      ? [...new Map(all.map((each) => [volumeTarget(each), each])).values()]
      : all;
  }
  if (!isMap(after)) return after;
  const merged: Record<string, Value> = isMap(before) ? { ...before } : {};
  for (const [name, value] of Object.entries(after)) {
    const next = mergeValues(merged[name], value, name);
    if (isMap(value) && tagKeys["!reset"] in value) delete merged[name];
    else merged[name] = next;
  }
  return merged;
}

export function isMap(value: Value | undefined): value is ValueMap {
  return typeof value === "object" && value !== null && !isList(value);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** As text; empty for what is none. */
export function text(value: Value | undefined): string {
  return typeof value === "object" || value === undefined ? "" : String(value);
}

/** `KEY=value` lines or a map, as a map. */
export function pairs(value: Value | undefined): Record<string, Value> {
  if (isMap(value)) return { ...value };
  if (!isList(value)) return {};
  return Object.fromEntries(
    value.map((line) => {
      const [key = "", ...rest] = text(line).split("=");
      return [key, rest.length === 0 ? null : rest.join("=")];
    }),
  );
}

function volumeTarget(volume: Value): string {
  return isMap(volume) ? text(volume["target"]) : parseShortVolume(text(volume)).target;
}

/** `source:target[:mode]`, or a target alone. */
export function parseShortVolume(short: string): { source: string | null; target: string } {
  const [first = "", second] = short.split(":");
  return second === undefined ? { source: null, target: first } : { source: first, target: second };
}
