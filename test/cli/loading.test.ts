import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseCatalog } from "../../src/catalog/load.ts";
import { reposForCatalog } from "../../src/demo/hub/catalog-repos.ts";
import { startHub } from "../../src/demo/hub/hub.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const recorder = fileURLToPath(new URL("fixtures/tell-modules.mjs", import.meta.url));

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox[Symbol.asyncDispose]());

/** What a run of the built program loads: its files, what they were built from, and Node's own modules. */
async function loadedBy(args: readonly string[], exitCode = 0) {
  const list = await sandbox.file("modules.txt", "");
  const env = { NODE_OPTIONS: `--import=${recorder}`, MODULES_FILE: list };
  const run = await sandbox.run(args, { env });
  expect({ exitCode: run.exitCode, stderr: run.stderr }).toMatchObject({ exitCode });
  const lines = (await readFile(list, "utf8")).trim().split("\n");
  const files = lines.filter((line) => line.startsWith("file:")).map((line) => fileURLToPath(line));
  const built = files.filter((file) => file.startsWith(join(root, "dist/")));
  const sources = (await Promise.all(built.map(sourcesOf))).flat();
  return {
    files: files.filter((file) => file !== recorder).map((file) => relative(root, file)),
    sources: sources.filter((source) => source.startsWith("src/")),
    packages: packagesOf(sources),
    builtins: lines.filter((line) => line.startsWith("builtin ")).map((line) => line.slice(8)),
  };
}

async function sourcesOf(file: string): Promise<string[]> {
  const text = await readFile(`${file}.map`, "utf8").catch(() => '{"sources":[]}');
  const { sources } = JSON.parse(text) as { sources: string[] };
  return sources.map((source) => relative(root, resolve(dirname(file), source)));
}

function packagesOf(sources: readonly string[]): string[] {
  const names = sources.flatMap(
    (source) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.slice(1) ?? [],
  );
  return [...new Set(names)].toSorted();
}

test("--version loads the entry alone", async () => {
  const { files } = await loadedBy(["--version"]);
  expect(files).toEqual(["bin/heros.js"]);
});

test("status --json loads no screen", async () => {
  const { sources, packages } = await loadedBy(["status", "--json"], 1);
  expect(sources).toContain("src/commands/status.ts");
  expect(sources.filter((source) => /^src\/(?:ui\/ink\/|cli\/complet)/.test(source))).toEqual([]);
  expect(packages).not.toContain("react");
  expect(packages).not.toContain("ink");
  expect(packages).not.toContain("string-width");
});

test("a pull of what is in the cache loads neither packages nor what speaks HTTP", async () => {
  const text = await readFile(join(root, "assets/catalogs/her-os.yaml"), "utf8");
  const repos = reposForCatalog(parseCatalog(text, "her-os.yaml"), { scale: 0.000_01 });
  const hub = await startHub({ repos });
  const args = ["pull", "--tiers", "1", "--endpoint", hub.endpoint];
  try {
    expect((await sandbox.run(args)).exitCode).toBe(0);
  } finally {
    await hub.close();
  }
  const { files, sources, packages, builtins } = await loadedBy(args);
  expect(sources).toContain("src/commands/pull.ts");
  expect(files.length, files.join(" ")).toBeLessThanOrEqual(6);
  for (const source of [
    "host/http-client.ts",
    "source/hub/api.ts",
    "download/pool.ts",
    "cli/completion.ts",
    "cli/completed-program.ts",
  ])
    expect(sources).not.toContain(`src/${source}`);
  expect(packages).toEqual(["commander"]);
  for (const name of ["http", "https", "tls", "http2", "worker_threads", "crypto", "child_process"])
    expect(builtins).not.toContain(name);
});

test("no built file imports a module of Node's own, which would read all of its properties", async () => {
  const folder = join(root, "dist/cli");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".js"));
  expect(names.length).toBeGreaterThan(20);
  const importing: string[] = [];
  for (const name of names) {
    const text = await readFile(join(folder, name), "utf8");
    importing.push(...(text.match(/^(?:import|\}).*"node:.*$/gmu) ?? []));
  }
  expect(importing).toEqual([]);
});
