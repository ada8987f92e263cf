import { execFile, execFileSync } from "node:child_process";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeReleaseFolder, releaseArgs } from "./release-folder.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await makeReleaseFolder();
  const out = path.join(folder, "one");
  const args = ["scripts/release/release.ts", "--built", "--quick", ...releaseArgs(folder), out];
  await run(process.execPath, args, { cwd: root });
});

afterAll(() => rm(folder, { recursive: true }));

it("makes both tarballs, their sums, the signature and install.sh", async () => {
  const out = path.join(folder, "one");
  expect((await readdir(out)).toSorted()).toEqual([
    "SHA256SUMS",
    "SHA256SUMS.sig",
    "heros-0.1.0-linux-arm64.tar.gz",
    "heros-0.1.0-linux-arm64.tar.xz",
    "install.sh",
  ]);
  await run("sha256sum", ["--check", "--strict", "SHA256SUMS"], { cwd: out });
});

it("holds the program, its licences, its parts, and the keys that the next release is checked with", async () => {
  const out = path.join(folder, "one");
  await run("tar", ["-xf", "heros-0.1.0-linux-arm64.tar.xz"], { cwd: out });
  const tree = path.join(out, "heros-0.1.0-linux-arm64");
  expect((await readdir(tree)).toSorted()).toEqual([
    "LICENSE",
    "THIRD-PARTY-LICENSES.txt",
    "app",
    "bin",
    "release-base",
    "release-keys",
    "release.json",
    "runtime",
    "sbom.cdx.json",
    "share",
  ]);
  const text = async (name: string): Promise<string> => readFile(path.join(tree, name), "utf8");
  expect(await text("release-base")).toBe("http://127.0.0.1:8080\n");
  const keys = await text("release-keys");
  expect(keys.trim().split("\n")).toHaveLength(2);
  const sums = await readFile(path.join(out, "SHA256SUMS"));
  const check = ["-Y", "verify", "-f", path.join(tree, "release-keys"), "-I", "release@heros"];
  check.push("-n", "heros-release", "-s", path.join(out, "SHA256SUMS.sig"));
  execFileSync("ssh-keygen", check, { input: sums });
  const sbom = JSON.parse(await text("sbom.cdx.json")) as { components: { name: string }[] };
  const names = sbom.components.map(({ name }) => name);
  for (const name of ["node", "ink", "react", "zod", "yaml"]) expect(names).toContain(name);
  expect(names).not.toContain("vitest");
  expect(await text("THIRD-PARTY-LICENSES.txt")).toContain("Permission is hereby granted");
  expect((await stat(path.join(tree, "bin/heros"))).mode & 0o777).toBe(0o755);
  // The program stands there whole: nothing is fetched to start it.
  const started = await run(process.execPath, [path.join(tree, "app/bin/heros.js"), "--help"]);
  expect(started.stdout).toContain("brings it\nonline");
});

it("makes a package for npm: the bundle and its licences, without maps, tests and pictures", async () => {
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const { stdout } = await run("npm", args, { cwd: root });
  const [packed] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const paths = packed.files.map(({ path: each }) => each);
  const others = paths.filter((each) => !/^dist\/(?:cli|annie)\/[\w-]+\.js$/.test(each));
  expect(others.toSorted()).toEqual([
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "assets/catalogs/catalog.schema.json",
    "assets/catalogs/her-os.yaml",
    "assets/catalogs/open-webui.yaml",
    "assets/catalogs/rma-demo.yaml",
    "assets/compose/docker-compose.yml",
    "assets/compose/minio.yml",
    "assets/compose/open-webui.yml",
    "assets/compose/rma-demo.yml",
    "bin/heros.js",
    "dist/THIRD-PARTY-LICENSES.txt",
    "dist/share/man/man1/heros.1",
    "package.json",
  ]);
  for (const needed of ["dist/cli/main.js", "dist/annie/main.js"]) expect(paths).toContain(needed);
});

it("makes a package that npm installs alone, without a network", async () => {
  const packing = ["pack", "--ignore-scripts", "--pack-destination", folder];
  const name = (await run("npm", packing, { cwd: root })).stdout.trim();
  const prefix = path.join(folder, "prefix");
  const env = { ...process.env, HOME: folder, npm_config_cache: path.join(folder, "cache") };
  const args = ["install", "--global", "--offline", "--prefix", prefix, path.join(folder, name)];
  await run("npm", args, { env });
  expect(await readdir(path.join(prefix, "lib/node_modules"))).toEqual(["heros"]);
  const installed = await readdir(path.join(prefix, "lib/node_modules/heros"));
  expect(installed).not.toContain("node_modules");
  const PATH = `${path.dirname(process.execPath)}:${process.env["PATH"]}`;
  const heros = (...line: string[]) =>
    run(path.join(prefix, "bin/heros"), line, { env: { ...env, PATH } });
  expect((await heros("pull", "--help")).stdout).toContain(
    "Download models for the programs of this machine",
  );
  expect((await heros("version")).stdout).toContain("Channel:   npm");
  // npm upgrades and removes it.
  for (const line of [["upgrade"], ["upgrade", "--rollback"], ["uninstall", "--yes"]]) {
    await expect(heros(...line, "--json")).rejects.toMatchObject({
      code: 2,
      stdout: expect.stringContaining('"code":"release.from_npm"') as unknown,
    });
  }
});
