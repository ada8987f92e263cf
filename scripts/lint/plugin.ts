/** Rules of this repository for oxlint: who may import whom, who may read `process`, no enum. */
import { dirname, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { entryPoints, packages, roomOf, rooms } from "./layers.ts";

// The part of ESLint's interface that these rules use.
interface Node {
  readonly type: string;
}
interface ImportNode extends Node {
  readonly source?: { readonly type: string; readonly value?: unknown } | null;
  readonly importKind?: string;
  readonly exportKind?: string;
  readonly specifiers?: readonly { readonly importKind?: string; readonly exportKind?: string }[];
}
interface Context {
  readonly filename: string;
  readonly sourceCode: { isGlobalReference(node: Node): boolean };
  report(problem: { readonly node: Node; readonly message: string }): void;
}

const source = resolve(dirname(fileURLToPath(import.meta.url)), "../../src");

/** The path below `src`, with "/"; null for a file elsewhere. */
function pathInSource(file: string): string | null {
  const path = relative(source, file);
  return path.startsWith("..") || path === "" ? null : path.split(sep).join("/");
}

function isTypeOnly(node: ImportNode): boolean {
  if (node.type === "TSImportType") return true;
  if (node.importKind === "type" || node.exportKind === "type") return true;
  const names = node.specifiers ?? [];
  return (
    names.length > 0 &&
    names.every((name) => name.importKind === "type" || name.exportKind === "type")
  );
}

/** Why this file may not import that, or null where it may. */
function problemOf(path: string, specifier: string, typeOnly: boolean): string | null {
  const room = roomOf(path);
  const rule = room === null ? undefined : rooms[room];
  if (room === null || rule === undefined) {
    return `src/${path} stands in no room that scripts/lint/layers.ts knows`;
  }
  if (!specifier.startsWith(".")) {
    const name = specifier.replace(/^node:/, "");
    const owner = Object.entries(packages).find(
      ([key]) => name === key || name.startsWith(`${key}/`),
    );
    if (owner === undefined || owner[1].includes(room) || entryPoints.includes(path)) return null;
    if (typeOnly && specifier.startsWith("node:")) return null;
    return `only src/${owner[1].join(", src/")} may import ${owner[0]}, not src/${room}`;
  }
  const target = pathInSource(resolve(source, dirname(path), specifier));
  if (target === null) return `src/${room} may import nothing outside src`;
  const other = roomOf(target);
  if (other === room || (other !== null && rule.imports.includes(other))) return null;
  if (rule.files?.includes(target) === true) return null;
  if (other !== null && rule.types?.includes(other) === true) {
    return typeOnly ? null : `src/${room} may import only types of src/${other}`;
  }
  return `src/${room} may not import src/${other ?? target}`;
}

const layers = {
  create(context: Context) {
    const path = pathInSource(context.filename);
    if (path === null) return {};
    const check = (node: ImportNode) => {
      if (node.source === undefined || node.source === null) return;
      const message =
        typeof node.source.value === "string"
          ? problemOf(path, node.source.value, isTypeOnly(node))
          : "an import must name its module in plain text, so that the layers can be checked";
      if (message !== null) context.report({ node, message: `Layers: ${message}.` });
    };
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      TSImportType: check,
    };
  },
};

const process = {
  create(context: Context) {
    const path = pathInSource(context.filename);
    if (path === null || path.startsWith("cli/") || entryPoints.includes(path)) return {};
    const message = "Only src/cli reads `process`; ask the Host, or take it as a parameter.";
    return {
      Identifier(node: Node & { readonly name: string }) {
        if (node.name === "process" && context.sourceCode.isGlobalReference(node)) {
          context.report({ node, message });
        }
      },
      MemberExpression(
        node: Node & {
          readonly object: { readonly name?: string };
          readonly property: { readonly name?: string; readonly value?: unknown };
        },
      ) {
        const { object, property } = node;
        const isProcess = property.name === "process" || property.value === "process";
        if (object.name === "globalThis" && isProcess) context.report({ node, message });
      },
    };
  },
};

const noEnum = {
  create(context: Context) {
    return {
      TSEnumDeclaration(node: Node) {
        context.report({ node, message: "No enum: a union of strings does." });
      },
    };
  },
};

const plugin = {
  meta: { name: "heros" },
  rules: { layers, process, "no-enum": noEnum },
};

export default plugin;
