import { failure } from "../../run/failures/table.ts";
import { TextDecoder } from "node:util";
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  parseAllDocuments,
  visit,
} from "yaml";
import type { Failure } from "../../run/failure.ts";
import { encode } from "../../host/text-files.ts";

export interface ComposeText {
  readonly path: string;
  readonly text: string;
}

export type YamlMap = Readonly<Record<string, unknown>>;

/** One document of a compose file; compose merges those of a file as if they were files. */
export interface ComposeDocument {
  /** With anchors and merge keys resolved. What an anchor holds is one object, wherever it is named. */
  readonly root: YamlMap;
  /** Every text that stands as a value, as it is written. */
  readonly texts: readonly string[];
  /** What compose's own tags take away of the files before: `!reset` for good, `!override` for the value that stands here. */
  readonly cleared: readonly ClearedPath[];
}

export interface ClearedPath {
  /** The keys that lead there. */
  readonly path: readonly string[];
  readonly tag: "reset" | "override";
}

/** `values`: as YAML 1.2 reads them. `nodes`: as they are written. */
type ScalarsAs = "values" | "nodes";

/**
 * How many values a file may come to with its anchors written out. A long compose file has some thousands; one that has
 * more than memory holds keeps compose itself busy without end.
 */
const maxValues = 1_000_000;

/** The services of files, in their order: one of several files comes several times. @throws as `readComposeYaml` */
export function servicesOf(files: readonly ComposeText[]): readonly (readonly [string, unknown])[] {
  return files
    .flatMap(readComposeYaml)
    .flatMap(({ root: { services } }) => (isYamlMap(services) ? Object.entries(services) : []));
}

/** @throws Failure `stack.base_invalid` (exit 2) */
export function readComposeYaml(file: ComposeText): readonly ComposeDocument[] {
  return readDocuments(file, "values");
}

/** The same with `Scalar`s of yaml for what is no map and no list, for who writes them again as they stand. @throws as `readComposeYaml` */
export function readWrittenCompose(file: ComposeText): readonly ComposeDocument[] {
  return readDocuments(file, "nodes");
}

function readDocuments(
  { path, text }: ComposeText,
  scalars: ScalarsAs,
): readonly ComposeDocument[] {
  let documents: readonly ComposeDocument[] | null = null;
  try {
    // Compose's own tags (!reset, !override) are unknown here, and no error. Keys that stand twice are compose's to refuse.
    const options = { merge: true, logLevel: "error", uniqueKeys: false } as const;
    // Read as texts, numbers keep their form: 0440 is octal for compose, and decimal in YAML 1.2.
    const written = scalars === "nodes" ? ({ schema: "failsafe" } as const) : {};
    documents = parseAllDocuments(unicode(text), { ...options, ...written }).flatMap((document) => {
      const read = readDocument(document, scalars);
      return read === null ? [] : [read];
    });
  } catch (error) {
    const [summary = ""] = error instanceof Error ? error.message.split("\n") : [];
    throw invalidBase(
      `${path} is not valid YAML: ${summary.replace(/:$/, "")}`,
      "Fix the file. To check it, run docker compose config -q in its folder.",
      error,
    );
  }
  if (documents.length > 0) return documents;
  throw invalidBase(
    `${path} is not a compose file: it has no services`,
    "Fix the file, or move it away: heros then writes a new one.",
  );
}

export function isYamlMap(value: unknown): value is YamlMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function invalidBase(problem: string, hint: string, cause?: unknown): Failure {
  return failure("stack.base_invalid", { problem, remedy: hint }, cause);
}

/** Null where it is no map. */
function readDocument(document: Document.Parsed, scalars: ScalarsAs): ComposeDocument | null {
  const [problem] = document.errors;
  if (problem !== undefined) throw problem;
  const anchors = new Map<string, Node>();
  const targets = new Map<Node, Node>();
  const texts: string[] = [];
  const cleared: ClearedPath[] = [];
  visit(document, (key, node, ancestors) => {
    const tag = isNode(node) ? clearingTags[node.tag ?? ""] : undefined;
    if (tag !== undefined) cleared.push({ path: keysTo(ancestors), tag });
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target === undefined) throw new Error(`nothing has the anchor ${node.source}`);
      targets.set(node, target);
    } else if (isScalar(node) || isMap(node) || isSeq(node)) {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
      if (isScalar(node) && key !== "key" && typeof node.value === "string") texts.push(node.value);
    }
  });
  const root = document.contents === null ? null : plainValue(document.contents, targets, scalars);
  return isYamlMap(root) && !isScalar(root) ? { root, texts, cleared } : null;
}

const clearingTags: Readonly<Record<string, ClearedPath["tag"]>> = {
  "!reset": "reset",
  "!override": "override",
};

/** The keys of the pairs above a node. */
function keysTo(ancestors: readonly unknown[]): string[] {
  return ancestors.flatMap((each) =>
    isPair(each) ? [String(isScalar(each.key) ? each.key.value : each.key)] : [],
  );
}

interface Plain {
  readonly value: unknown;
  /** How many values it is with its anchors written out. */
  readonly count: number;
}

/** The value of a node. Each node is read once, however often its anchor is named. */
function plainValue(node: Node, targets: ReadonlyMap<Node, Node>, scalars: ScalarsAs): unknown {
  const known = new Map<Node, Plain | null>();
  let copied = 0;

  function read(next: unknown): Plain {
    if (isAlias(next)) return read(targets.get(next));
    if (!isMap(next) && !isSeq(next))
      return { value: isScalar(next) ? (scalars === "nodes" ? next : next.value) : null, count: 1 };
    const before = known.get(next);
    if (before === null) throw new Error("an anchor holds itself");
    if (before !== undefined) return before;
    known.set(next, null);
    const plain = isMap(next) ? readMap(next) : readList(next.items);
    if (plain.count > maxValues || copied > maxValues) {
      throw new Error("its anchors come to more values than can be read");
    }
    known.set(next, plain);
    return plain;
  }

  function readList(items: readonly unknown[]): Plain {
    const plain = items.map(read);
    return { value: plain.map(({ value }) => value), count: sum(plain) };
  }

  function readMap({ items }: { readonly items: readonly { key: unknown; value: unknown }[] }) {
    const own = new Map<string, unknown>();
    const merged = new Map<string, unknown>();
    const parts: Plain[] = [];
    for (const { key, value } of items) {
      const name = isScalar(key) ? key.value : null;
      const part = read(value);
      parts.push(part);
      if (name !== "<<" && typeof name !== "symbol") {
        own.set(String(name), part.value);
        continue;
      }
      for (const source of Array.isArray(part.value) ? part.value : [part.value]) {
        if (!isYamlMap(source) || isScalar(source)) throw new Error("what is merged is no map");
        for (const [inner, held] of Object.entries(source)) {
          copied += 1;
          if (!merged.has(inner)) merged.set(inner, held);
        }
      }
    }
    return { value: Object.fromEntries([...merged, ...own]), count: sum(parts) };
  }

  return read(node).value;
}

function sum(parts: readonly Plain[]): number {
  return parts.reduce((total, { count }) => total + count, 1);
}

/** YAML may be UTF-16, and compose reads that too. */
function unicode(text: string): string {
  if (text.startsWith("\uDCFF\uDCFE")) return new TextDecoder("utf-16le").decode(encode(text));
  if (text.startsWith("\uDCFE\uDCFF")) return new TextDecoder("utf-16be").decode(encode(text));
  return text;
}
