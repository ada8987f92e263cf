import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { type Finding, lintCopy, type LintedCopy } from "./linted-copy.ts";

/** The design's table, written out once more, so that a slip in the lint's own table is seen. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  run: [],
  host: ["run"],
  docker: ["run", "host"],
  catalog: ["run", "host"],
  source: ["run", "host"],
  store: ["run", "host", "docker"],
  download: ["run", "host"],
  machine: ["run", "host", "docker"],
  health: ["run", "host", "docker"],
  plan: ["run", "catalog"],
  deploy: ["run", "host", "docker"],
  checks: ["run", "host", "machine", "docker", "catalog", "source", "store", "deploy", "health"],
  record: ["run", "host"],
  ssh: ["run", "host"],
  release: ["run", "host", "source", "store", "download"],
  serve: ["run", "host", "source", "store", "download"],
  demo: ["run", "host", "catalog", "serve"],
  commands: [
    "run",
    "host",
    "docker",
    "catalog",
    "source",
    "store",
    "download",
    "machine",
    "health",
    "plan",
    "deploy",
    "checks",
    "record",
    "serve",
    "ssh",
    "release",
    "demo",
  ],
  "ui/ink": ["run", "plan", "ui"],
  "ui/plain": ["run", "ui"],
  "ui/json": ["run", "ui"],
  "ui/accessible": ["run", "plan", "ui"],
  cli: [
    "run",
    "host",
    "docker",
    "catalog",
    "source",
    "store",
    "download",
    "machine",
    "health",
    "plan",
    "deploy",
    "checks",
    "record",
    "serve",
    "ssh",
    "release",
    "demo",
    "commands",
    "ui",
    "ui/ink",
    "ui/plain",
    "ui/json",
    "ui/accessible",
  ],
};
const mayImportTypes: Readonly<Record<string, readonly string[]>> = {
  health: ["catalog"],
  plan: ["machine"],
  deploy: ["plan", "catalog"],
};
const mayImportFiles: Readonly<Record<string, readonly string[]>> = {
  download: ["source/source.ts", "source/retry-policy.ts", "store/store.ts"],
};
const rooms = Object.keys(mayImport);
const targets = [...rooms, "ui"];

const up = (room: string, deeper = 0) => "../".repeat(room.split("/").length + deeper);
const planted = new Map<string, string>();
for (const room of targets)
  planted.set(`src/${room}/wall.ts`, `export const wall: string = "${room}";\n`);

function plant(path: string, text: string): string {
  planted.set(path, text);
  return path;
}

const pairs = rooms.flatMap((room) =>
  targets
    .filter((target) => target !== room)
    .map((target) => {
      const name = target.replace("/", "-");
      return {
        room,
        target,
        allowed: mayImport[room]?.includes(target) === true,
        statement: plant(
          `src/${room}/takes-${name}.ts`,
          `import { wall } from "${up(room)}${target}/wall.ts";\nexport const other = wall;\n`,
        ),
        deep: plant(
          `src/${room}/deep/takes-${name}.ts`,
          `export { wall as other } from "${up(room, 1)}${target}/wall.ts";\n`,
        ),
        lazy: plant(
          `src/${room}/loads-${name}.ts`,
          `export const other = async () => (await import("${up(room)}${target}/wall.ts")).wall;\n`,
        ),
        types: plant(
          `src/${room}/types-${name}.ts`,
          `import type { wall } from "${up(room)}${target}/wall.ts";\nexport type Other = typeof wall;\n`,
        ),
      };
    }),
);

/** An interface of a room, which rooms that may not import the rest of it may import. */
const interfaces = Object.values(mayImportFiles)
  .flat()
  .flatMap((file) => {
    plant(`src/${file}`, `export const wall: string = "${file}";\n`);
    return rooms
      .filter((room) => room !== file.split("/")[0])
      .map((room) => {
        const [owner = ""] = file.split("/");
        const named = mayImportFiles[room]?.includes(file) === true;
        return {
          room,
          file,
          allowed: named || mayImport[room]?.includes(owner) === true,
          path: plant(
            `src/${room}/takes-${file.replace(/\W/g, "-")}.ts`,
            `import { wall } from "${up(room)}${file}";\nexport const other = wall;\n`,
          ),
        };
      });
  });

const screens = ["ink", "react", "@inkjs/ui"].flatMap((name) =>
  rooms.map((room) => ({
    name,
    room,
    path: plant(
      `src/${room}/shows-${name.replace(/\W/g, "")}.ts`,
      `export const load = () => import("${name}");\n`,
    ),
  })),
);

const doors = ["child_process", "fs", "fs/promises", "http", "https", "net"].flatMap((name) =>
  rooms.map((room) => ({
    name,
    room,
    path: plant(
      `src/${room}/opens-${name.replace(/[\W_]/g, "-")}.ts`,
      `import * as door from "node:${name}";\nexport const other = door;\n`,
    ),
  })),
);

const readers = rooms.flatMap((room) =>
  Object.entries({
    global: "export const argv = process.argv;\n",
    property: "export const argv = globalThis.process.argv;\n",
    module: 'import { argv } from "node:process";\nexport const first = argv[0];\n',
  }).map(([way, text]) => ({ room, way, path: plant(`src/${room}/reads-${way}.ts`, text) })),
);

const faults = Object.entries({
  "typescript(no-explicit-any)": "export const value: any = 1;\n",
  "typescript(no-non-null-assertion)": "export const first = (list: string[]) => list[0]!;\n",
  "heros(no-enum)": 'export enum Colour {\n  Red = "red",\n}\n',
  "typescript(no-floating-promises)": "export function start(): void {\n  Promise.resolve(1);\n}\n",
  "import(no-default-export)": "const one = 1;\nexport default one;\n",
  "oxc(no-barrel-file)": 'export * from "./wall.ts";\n',
  "eslint(no-console)": 'console.log("");\n',
}).map(([rule, text], index) => ({ rule, path: plant(`src/run/fault-${index}.ts`, text) }));

const cycle = [
  plant(
    "src/run/one.ts",
    'import { two } from "./two.ts";\nexport const one = (): number => two();\n',
  ),
  plant(
    "src/run/two.ts",
    'import { one } from "./one.ts";\nexport const two = (): number => one();\n',
  ),
];

let linted: LintedCopy;
beforeAll(async () => {
  linted = await lintCopy(planted);
});

const found = (path: string): readonly Finding[] => linted.findings.get(path) ?? [];
const rulesOf = (path: string) => found(path).map(({ rule }) => rule);

test("the lint read every planted file", () => {
  expect(linted.fileCount).toBe(planted.size);
});

test("every folder of src is a room of the table", async () => {
  const source = fileURLToPath(new URL("../../src/", import.meta.url));
  const folders = await readdir(source, { withFileTypes: true });
  expect(folders.filter((entry) => !entry.isDirectory())).toEqual([]);
  const known = new Set(targets.map((room) => room.split("/")[0]));
  expect(folders.map((entry) => entry.name).filter((name) => !known.has(name))).toEqual([]);
});

describe.each(pairs)("src/$room importing src/$target", ({ room, target, allowed, ...paths }) => {
  const typesAllowed = allowed || mayImportTypes[room]?.includes(target) === true;

  test(allowed ? "passes" : "is caught, however it is written", () => {
    for (const path of [paths.statement, paths.deep, paths.lazy]) {
      expect(rulesOf(path), path).toEqual(allowed ? [] : ["heros(layers)"]);
    }
    expect(rulesOf(paths.types)).toEqual(typesAllowed ? [] : ["heros(layers)"]);
  });
});

test.each(interfaces)("src/$room importing src/$file", ({ allowed, path }) => {
  expect(rulesOf(path)).toEqual(allowed ? [] : ["heros(layers)"]);
});

test.each(screens)("$name in src/$room is for the Ink screen alone", ({ name, room, path }) => {
  const problems = found(path).map(({ message }) => message);
  const message = `Layers: only src/ui/ink may import ${name}, not src/${room}.`;
  expect(problems).toEqual(room === "ui/ink" ? [] : [message]);
});

test.each(doors)("node:$name in src/$room goes by the host", ({ room, path }) => {
  const open = ["host", "cli", "demo"].includes(room);
  expect(rulesOf(path)).toEqual(open ? [] : ["heros(layers)"]);
});

test.each(readers)("process as a $way in src/$room is for the command line alone", (reader) => {
  const caught = reader.way === "module" ? "heros(layers)" : "heros(process)";
  expect(rulesOf(reader.path)).toEqual(reader.room === "cli" ? [] : [caught]);
});

test.each(faults)("$rule is caught", ({ rule, path }) => {
  expect(rulesOf(path)).toContain(rule);
});

test.each(cycle)("a cycle of imports is caught in %s", (path) => {
  expect(rulesOf(path)).toContain("import(no-cycle)");
});
