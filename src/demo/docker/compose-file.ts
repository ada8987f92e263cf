import { parseDocument, visit, YAMLMap, type Node } from "yaml";
import { interpolate } from "./env-lines.ts";
import { isList, isMap, tagKeys, type Value } from "./merge.ts";

/** One compose file with its variables filled in. @throws Error with compose's words */
export function parseComposeFile(
  content: string,
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): Value {
  const document = parseDocument(content, { merge: true });
  const [error] = document.errors;
  if (error !== undefined) throw new Error(`yaml: ${path}: ${error.message}`);
  visit(document, {
    Node(_, node) {
      if (node.tag !== "!reset" && node.tag !== "!override") return undefined;
      return wrap(node, tagKeys[node.tag]);
    },
  });
  return fillIn(document.toJS() as Value, env);
}

function wrap(node: Node, key: string): YAMLMap {
  const inner = node.clone() as Node;
  delete (inner as { tag?: string }).tag;
  const map = new YAMLMap();
  map.set(key, inner);
  return map;
}

function fillIn(value: Value, env: Readonly<Record<string, string | undefined>>): Value {
  if (typeof value === "string") return interpolate(value, env);
  if (isList(value)) return value.map((each) => fillIn(each, env));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fillIn(each, env)]));
}
