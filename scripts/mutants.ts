import { createHash } from "node:crypto";
import { parseAst } from "rolldown/parseAst";

/** One change: these characters of a file become that text. */
export interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly before: string;
  readonly text: string;
  /** The line, without the space around it: it stays when lines above it come and go. */
  readonly source: string;
  /** Its place in the order of a seed. That of one mutant does not depend on what others there are. */
  readonly rank: string;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const operators: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
  "&&": "||",
  "||": "&&",
  "*": "/",
  "/": "*",
  "-": "+",
};
const swapped: Readonly<Record<string, string>> = {
  "Math.min": "Math.max",
  "Math.max": "Math.min",
};
const types = /^(?:typeAnnotation|typeParameters|typeArguments|returnType)$/;
const leaves = /^(?:Return|Throw|Continue|Break)Statement$/;

/** All changes of conditions and constants that this file offers. */
export function mutantsOf(file: string, code: string, seed: number): Mutant[] {
  const mutants: Mutant[] = [];
  const lines = code.split("\n");
  const equal = new Map<string, number>();
  const change = (start: number, end: number, text: string): void => {
    const line = code.slice(0, start).split("\n").length;
    const source = lines[line - 1]?.trim() ?? "";
    const before = code.slice(start, end);
    const name = [seed, file, source, before, text].join("\n");
    const nth = (equal.get(name) ?? 0) + 1;
    equal.set(name, nth);
    const rank = createHash("sha256").update(`${name}\n${nth}`).digest("hex");
    mutants.push({ file, line, start, end, before, text, source, rank });
  };
  const changeTo = ({ start, end }: Node, text: string): void => change(start, end, text);
  const visit = (node: Node): void => {
    // Types are no code.
    if (node.type.startsWith("TS") && !("expression" in node)) return;
    switch (node.type) {
      case "BinaryExpression":
      case "LogicalExpression": {
        const { left, right, operator } = node as unknown as Binary;
        const other = operators[operator];
        const at = code.indexOf(operator, left.end);
        if (other !== undefined && at < right.start) change(at, at + operator.length, other);
        break;
      }
      case "IfStatement":
      case "ConditionalExpression": {
        const { test } = node as unknown as { test: Node };
        // An equation that is turned is negated already.
        if (!/^[!=]==$/.test(String(test["operator"]))) {
          changeTo(test, `!(${code.slice(test.start, test.end)})`);
        }
        const { consequent, alternate } = node as unknown as Branches;
        const body = consequent.type === "BlockStatement" ? consequent["body"] : [consequent];
        const [only, ...more] = body as Node[];
        const early = only !== undefined && more.length === 0 && leaves.test(only.type);
        if (early && !alternate) changeTo(consequent, "{}");
        break;
      }
      case "Literal": {
        const { value } = node;
        if (typeof value === "boolean") changeTo(node, String(!value));
        if (typeof value === "number") {
          for (const text of otherNumbers(value)) changeTo(node, text);
        }
        break;
      }
      case "MemberExpression": {
        const other = swapped[code.slice(node.start, node.end)];
        if (other !== undefined) changeTo(node, other);
        break;
      }
    }
    for (const [key, value] of Object.entries(node)) {
      if (types.test(key)) continue;
      for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
        if (isNode(child)) visit(child);
      }
    }
  };
  visit(parseAst(code, { lang: "ts" }) as unknown as Node);
  return mutants;
}

interface Binary {
  readonly left: Node;
  readonly right: Node;
  readonly operator: string;
}

interface Branches {
  readonly consequent: Node;
  readonly alternate?: Node | null;
}

/** Off by one where one is much, else doubled and a tenth. */
function otherNumbers(value: number): readonly string[] {
  return value <= 10 && Number.isInteger(value)
    ? [String(value + 1)]
    : [String(value * 2), String(value / 10)];
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}
