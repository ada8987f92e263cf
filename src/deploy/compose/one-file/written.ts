import { isScalar, Scalar } from "yaml";
import { isYamlMap } from "../compose-yaml.ts";

/** A value of a compose file as it is written: a scalar keeps its letters and its quotes. */
export type Written = Scalar | WrittenList | WrittenMap;
export type WrittenList = readonly Written[];
export interface WrittenMap {
  readonly [key: string]: Written;
}

/** What `readComposeYaml` reads with its scalars as nodes. */
export function isWrittenMap(value: unknown): value is WrittenMap {
  return isYamlMap(value) && !isScalar(value);
}

export function isWrittenList(value: unknown): value is WrittenList {
  return Array.isArray(value);
}

/** A scalar's letters, which is all that it is where it was read as it is written. */
export function lettersOf({ value }: Scalar): string {
  return typeof value === "string" ? value : "";
}

/** A scalar's letters; null for a list, a map, and what stands for nothing. */
export function textOf(value: Written | undefined): string | null {
  return value === undefined || !isScalar(value) || isEmpty(value) ? null : lettersOf(value);
}

/** Nothing stands there, or what means it. */
export function isEmpty(value: Written): boolean {
  if (!isScalar(value)) return false;
  const isPlain = value.type === undefined || value.type === Scalar.PLAIN;
  return isPlain && /^(?:|null|Null|NULL|~)$/u.test(lettersOf(value));
}

/** A text of ours: in quotes, so that nothing takes it for a number. */
export function written(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}

/** A word that stands without quotes. */
export function plain(word: string): Scalar {
  const scalar = new Scalar(word);
  scalar.type = Scalar.PLAIN;
  return scalar;
}

export const nothing: Scalar = plain("");
