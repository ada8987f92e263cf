import { CORE_SCHEMA, load, mapTag } from "js-yaml";
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Pair,
  Parser,
  type ParsedNode,
  type YAMLMap,
} from "yaml";

export type Key = string | number;

export interface Misplaced {
  readonly offset: number;
  readonly problem: string;
}

/** A text, read as YAML. */
export interface YamlText {
  /** Nothing where `errors` has anything. */
  readonly contents: unknown;
  readonly errors: readonly Misplaced[];
  /** Keys that JavaScript would take for something else. */
  readonly forbidden: readonly (readonly Key[])[];
  /** From 1. */
  lineOf(offset: number): number;
  /** Where the key stands in the text, or the closest of its parents that does. */
  offsetOf(path: readonly Key[]): number;
}

/** Nothing that people write is nested deeper; what is deeper by far can't be read at all. */
const mostLevels = 60;
/** A file with more of them is none that somebody wrote. */
const mostErrors = 50;
const tooDeep = `this is nested too deeply: there may be ${mostLevels} levels`;

/** Whose keys are words, and none that JavaScript would take for something else. */
const schemaOfWords = CORE_SCHEMA.withTags({
  ...mapTag,
  addPair: (map: Record<string, unknown>, key, value) =>
    typeof key === "string" && key !== "__proto__" ? mapTag.addPair(map, key, value) : "no word",
});

/**
 * Reads one document. What it takes grows with the text's length alone, whatever is in it.
 * Most texts are without fault, and are read by the library that is several times as fast. The other knows the place of
 * each key, and tells of several faults at once: it is asked where one is found.
 */
export function readYamlText(text: string): YamlText {
  const contents = faultless(text);
  if (contents === undefined) return readWithPlaces(text);
  let read: YamlText | null = null;
  const places = (): YamlText => (read ??= readWithPlaces(text));
  return {
    contents,
    errors: [],
    forbidden: [],
    lineOf: (offset) => places().lineOf(offset),
    offsetOf: (path) => places().offsetOf(path),
  };
}

/** Nothing where it is not sure that all is well. */
function faultless(text: string): unknown {
  try {
    return load(text, { schema: schemaOfWords, maxDepth: mostLevels, maxAliases: 0 });
  } catch {
    return undefined;
  }
}

function readWithPlaces(text: string): YamlText {
  const lines = new LineCounter();
  const lineOf = (offset: number) => lines.linePos(offset).line;
  const { document, errors } = compose(text, lines);
  if (document === null || errors.length > 0) {
    return { contents: undefined, errors, forbidden: [], lineOf, offsetOf: () => 0 };
  }
  const seen = lookAt(document.contents);
  const contents = seen.errors.length > 0 ? undefined : valueOf(document, seen.errors);
  return { contents, ...seen, lineOf, offsetOf: finderIn(document.contents) };
}

function compose(text: string, lines: LineCounter) {
  const errors: Misplaced[] = [];
  // eslint-disable-next-line no-control-regex -- they are what must not be there
  const control = /[\0-\u0008\u000B\u000C\u000E-\u001F]/.exec(text);
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) {
      tokens.push(token);
      if (token.type === "error") errors.push({ offset: token.offset, problem: token.message });
    }
    if (errors.length > mostErrors) return { document: null, errors };
    if (parser.stack.length > mostLevels) {
      return { document: null, errors: [{ offset: parser.offset, problem: tooDeep }] };
    }
  }
  tokens.push(...parser.end());
  if (control !== null) {
    const code = control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    errors.push({ offset: control.index, problem: `the character U+${code} is no text` });
  }
  // The library compares each key with all others before it.
  const options = { uniqueKeys: false, resolveKnownTags: false };
  const composer = new Composer(options);
  const [document = null, other] = composer.compose(tokens, true, text.length);
  if (other !== undefined) {
    errors.push({
      offset: other.range[0],
      problem: "a second document begins here, and the file may have only one",
    });
  }
  const known = new Set(errors.map(({ offset }) => offset));
  for (const { pos, message } of document?.errors ?? []) {
    if (known.has(pos[0])) continue;
    errors.push({ offset: pos[0], problem: message.split(" at line ")[0] ?? "it is not YAML" });
  }
  for (const { pos, code } of document?.warnings ?? []) {
    if (code !== "TAG_RESOLVE_FAILED") continue;
    const tag = /^\S+/.exec(text.slice(pos[0]))?.[0] ?? "";
    errors.push({ offset: pos[0], problem: `the tag ${tag} has no meaning here: leave it out` });
  }
  return { document, errors };
}

/** What the library lets pass. */
function lookAt(contents: ParsedNode | null) {
  const errors: Misplaced[] = [];
  const forbidden: (readonly Key[])[] = [];
  const levelsOf = new Map<string, number>();
  // One for all, as most files have nothing to tell of any.
  const path: Key[] = [];
  const walk = (node: unknown): number => {
    if (isScalar(node)) return 0;
    let levels = 0;
    const down = (child: unknown, key: Key) => {
      path.push(key);
      levels = Math.max(levels, 1 + walk(child));
      path.pop();
    };
    if (isAlias(node)) {
      levels = levelsOf.get(node.source) ?? 0;
      if (path.length + levels > mostLevels) {
        errors.push({ offset: node.range?.[0] ?? 0, problem: tooDeep });
      }
      return levels;
    }
    if (isMap(node)) {
      const names = new Set<string>();
      for (const { key, value } of node.items) {
        const offset = isScalar(key) || isMap(key) || isSeq(key) ? (key.range?.[0] ?? 0) : 0;
        const name = isScalar(key) ? nameOf(key.value) : null;
        if (name === null) errors.push({ offset, problem: "a key must be a word" });
        else {
          if (names.has(name)) errors.push({ offset, problem: "Map keys must be unique" });
          names.add(name);
          if (name === "__proto__") forbidden.push([...path, name]);
          down(value, name);
        }
      }
    } else if (isSeq(node)) for (const [index, item] of node.items.entries()) down(item, index);
    if ((isMap(node) || isSeq(node)) && node.anchor !== undefined) {
      levelsOf.set(node.anchor, levels);
    }
    return levels;
  };
  walk(contents);
  return { errors, forbidden };
}

/** As the key stands in a JavaScript object. */
function nameOf(key: unknown): string {
  if (typeof key === "string") return key;
  return key === null ? "" : JSON.stringify(key);
}

/** An alias may have no anchor, or stand for thousands of others; the library says either in its own way. */
function valueOf(document: Document.Parsed, errors: Misplaced[]): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    const many = cause instanceof Error && cause.message.startsWith("Excessive");
    errors.push({ offset: 0, problem: many ? "its aliases do not end" : "an alias has no anchor" });
    return undefined;
  }
}

function finderIn(contents: ParsedNode | null): YamlText["offsetOf"] {
  const known = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();
  const pairsOf = (map: YAMLMap): ReadonlyMap<string, Pair> => {
    const pairs =
      known.get(map) ??
      new Map(map.items.map((pair) => [isScalar(pair.key) ? nameOf(pair.key.value) : "", pair]));
    known.set(map, pairs);
    return pairs;
  };
  return (path) => {
    let node: unknown = contents;
    let offset = 0;
    for (const key of path) {
      if (isMap(node)) {
        const pair = pairsOf(node).get(String(key));
        if (pair === undefined) return offset;
        if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
        node = pair.value;
      } else if (isSeq(node) && typeof key === "number") {
        node = node.items[key];
        if (isMap(node) || isScalar(node) || isSeq(node)) offset = node.range?.[0] ?? offset;
      } else return offset;
    }
    return offset;
  };
}
