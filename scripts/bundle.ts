import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative } from "node:path";
import { rolldown, type Plugin } from "rolldown";
import { parseCatalog } from "../src/catalog/load.ts";

export interface BundleRequest {
  /** The folder that holds package.json. */
  readonly root: string;
  /** Source files, by the names that the built ones get. */
  readonly entries: Readonly<Record<string, string>>;
  /** By name of a built file: the sources that are in it, with all that they import at their top. The first that claims a module has it. */
  readonly together?: Readonly<Record<string, readonly string[]>>;
  /** Where the built files go; made where it is missing. */
  readonly folder: string;
}

/**
 * Puts the sources and the packages that they use into a few files: Node would spend more time on finding and reading
 * hundreds of modules than on all that heros does before its first frame. What is imported where it is needed keeps files of its own.
 * @returns the packages that are in it, by their folders below the root: `node_modules/ink`
 * @throws Error where a source can't be read
 */
export async function bundle(request: BundleRequest): Promise<readonly string[]> {
  const { root, entries, together = {}, folder } = request;
  const groups = Object.entries(together).map(([name, sources]) => ({
    name,
    sources: sources.map((source) => join(root, source)),
    modules: new Set<string>(),
  }));
  const build = await rolldown({
    cwd: root,
    input: { ...entries },
    platform: "node",
    tsconfig: "tsconfig.json",
    // React reads it once, and is twice as slow without.
    transform: { target: "node24", define: { "process.env.NODE_ENV": '"production"' } },
    // Ink imports it where DEV is set.
    external: ["react-devtools-core"],
    // Where Node runs the sources as they are, such an import has its effect.
    checks: { ineffectiveDynamicImport: false },
    plugins: [catalogPutIn(root), yogaWithoutFetch, noSubprograms, fillGroups(groups)],
  });
  try {
    const { output } = await build.generate({
      format: "esm",
      sourcemap: true,
      // Node reads and hashes every byte at each start; licences stay.
      comments: { legal: true, annotation: false, jsdoc: false },
      entryFileNames: "[name].js",
      chunkFileNames: "cli/[name]-[hash].js",
      codeSplitting: {
        groups: groups.map(({ name, modules }) => ({ name, test: (id) => modules.has(id) })),
      },
    });
    for (const file of output) {
      const place = join(folder, file.fileName);
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(
        place,
        file.type === "chunk" ? withQuickBuiltins(file.code) : withoutContents(String(file.source)),
      );
    }
    const modules = output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
    return [...new Set(modules.flatMap((id) => packageOf(root, id) ?? []))];
  } finally {
    await build.close();
  }
}

const packagePattern = /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/u;

function packageOf(root: string, id: string): string | null {
  const [folder] = packagePattern.exec(id) ?? [];
  return folder === undefined ? null : relative(root, folder);
}

/** Reads and checks the default catalog now, so that no run has to. */
function catalogPutIn(root: string): Plugin {
  const name = "her-os.yaml";
  return {
    name: "catalog",
    load(id) {
      if (id !== join(root, "src/catalog/built-catalog.ts")) return null;
      const text = readFileSync(join(root, "assets/catalogs", name), "utf8");
      return `export const builtCatalog = ${JSON.stringify(parseCatalog(text, name))};`;
    },
  };
}

/**
 * Yoga, which lays the screen out, fetches its own WebAssembly from a `data:` address where there is a `fetch`, and Node's is
 * a whole HTTP client: half of what Ink took to load. Without one Yoga decodes the text itself.
 */
const yogaWithoutFetch: Plugin = {
  name: "yoga",
  transform: {
    filter: { id: /yoga-wasm-base64-esm\.js$/u },
    handler: (code) => ({ code: `${code}\nvar fetch;\n`, map: null }),
  },
};

/** Commander can start programs as subcommands. heros has none, and what starts programs takes 4 ms to load. */
const noSubprograms: Plugin = {
  name: "commander",
  resolveId: {
    filter: { id: /^node:child_process$/u },
    handler: (id, importer) =>
      importer?.includes("/node_modules/commander/") === true ? `\0no-${id}` : null,
  },
  load: {
    filter: { id: /^\0no-node:child_process$/u },
    handler: () => "export default {};",
  },
};

interface Group {
  readonly sources: readonly string[];
  /** Filled once all modules are known. */
  readonly modules: Set<string>;
}

function fillGroups(groups: readonly Group[]): Plugin {
  return {
    name: "groups",
    buildEnd() {
      for (const { sources, modules } of groups) {
        const open = [...sources];
        for (let id = open.pop(); id !== undefined; id = open.pop()) {
          if (modules.has(id)) continue;
          modules.add(id);
          open.push(...(this.getModuleInfo(id)?.importedIds ?? []));
        }
      }
    },
  };
}

const importLine =
  /^import (?:(?<whole>[\w$]+)(?:, )?)?(?:\* as (?<space>[\w$]+))?(?:\{(?<names>[^}]*)\})?(?: from )?"(?<id>[^"]+)";$/gmu;

/**
 * Takes Node's own modules from `getBuiltinModule`. An `import` of one reads every property that the module has, and
 * behind `http.WebSocket` is a whole second HTTP client: 60 ms, for nothing. Lines stay where they are, so that source maps hold.
 */
function withQuickBuiltins(code: string): string {
  return code.replaceAll(importLine, (line: string, ...rest: unknown[]) => {
    const { whole, space, names, id } = rest.at(-1) as Record<string, string | undefined>;
    if (id === undefined || !isBuiltin(id)) return line;
    const module = `globalThis.process.getBuiltinModule("${id}")`;
    const bound = [
      whole,
      space,
      names === undefined ? names : `{${names.replaceAll(" as ", ": ")}}`,
    ];
    const parts = bound.filter((name) => name !== undefined).map((name) => `${name} = ${module}`);
    return parts.length === 0 ? "" : `var ${parts.join(", ")};`;
  });
}

/** A source map for stacks: where a line came from, without the text that stood there. */
function withoutContents(map: string): string {
  const { sourcesContent: _text, ...rest } = JSON.parse(map) as Record<string, unknown>;
  return JSON.stringify(rest);
}
