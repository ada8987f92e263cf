import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseFolder } from "../../../src/run/repos/folder.ts";
import { connectFolder } from "../../../src/source/folder/folder.ts";
import { model, openScene, quickHost, type Scene } from "../../download/scene.ts";
import { type FileServerOptions, serveFolder } from "./file-server.ts";

const repo = "org/model";
const commit = "1".repeat(40);
const weights = Buffer.alloc(3_000_000, "weights ");
const config = Buffer.from("{}");
const { signal } = new AbortController();
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const gitSha1 = (bytes: Buffer) =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

const listed = {
  repo,
  revision: "main",
  commit,
  files: [
    { path: "config.json", size: config.length, gitSha1: gitSha1(config) },
    { path: "a +#/weights.bin", size: weights.length, sha256: sha256(weights) },
    { path: "empty", size: 0, sha256: sha256(Buffer.alloc(0)) },
  ],
};

let folder: string;
let scene: Scene;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heros-folder-"));
  scene = await openScene({ repos: [] });
  await writeManifest(JSON.stringify({ schema: 1, models: [listed] }));
  await put("config.json", config);
  await put("a +#/weights.bin", weights);
  await put("empty", Buffer.alloc(0));
});
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const writeManifest = (text: string) => writeFile(join(folder, "heros-manifest.json"), text);
const pathOf = (path: string) => join(folder, repo, commit, path);
async function put(path: string, bytes: Buffer) {
  await mkdir(dirname(pathOf(path)), { recursive: true });
  await writeFile(pathOf(path), bytes);
}
const sourceOf = (address: string, offline = false) =>
  connectFolder({
    host: quickHost(),
    place: parseFolder(address, { cwd: "/", home: "/" }),
    offline,
  });
async function pulled(address: string) {
  const survey = await scene.pull([model(repo, repo)], { hub: sourceOf(address) });
  return survey.models[0]?.snapshots[0]?.path ?? "";
}
/** Of whichever kind. */
async function reached(kind: "disk" | "web", options: FileServerOptions = {}) {
  if (kind === "web") return serveFolder(folder, options);
  return { url: folder, asked: [], async [Symbol.asyncDispose]() {} };
}
const kinds = ["disk", "web"] as const;

test.each(kinds)("a model comes out of a folder (%s), verified", async (kind) => {
  await using place = await reached(kind);
  const snapshot = await pulled(place.url);
  expect(snapshot).toMatch(new RegExp(`models--org--model/snapshots/${commit}$`, "u"));
  for (const { path } of listed.files) {
    expect(await readFile(join(snapshot, path))).toEqual(await readFile(pathOf(path)));
  }
  expect(scene.of("file.verified")).toHaveLength(3);
  const ranged = place.asked.filter(({ headers }) => headers.range !== undefined);
  expect(ranged.length > 1).toBe(kind === "web");
});

test("a server without ranges is asked for the whole", async () => {
  await using place = await serveFolder(folder, { ranges: false });
  expect(await readFile(join(await pulled(place.url), "a +#/weights.bin"))).toEqual(weights);
});

test.each(kinds)("a content that is not what the list promises gets no name (%s)", async (kind) => {
  await put("a +#/weights.bin", Buffer.alloc(weights.length, "liar"));
  await using place = await reached(kind);
  await expect(pulled(place.url)).rejects.toMatchObject({ exitCode: 6 });
  expect(scene.of("model.ready")).toEqual([]);
  const kept = await readdir(scene.cacheDir, { recursive: true });
  const named = kept.filter((name) => name.startsWith("models--"));
  expect(
    named.filter((name) => /weights|snapshots\//u.test(name) || name.includes(sha256(weights))),
  ).toEqual([]);
});

test.each(kinds)("what came before a stop is not fetched again (%s)", async (kind) => {
  await using place = await reached(kind);
  const stop = new AbortController();
  const first = scene.pull([model(repo, repo)], {
    hub: sourceOf(place.url),
    signal: stop.signal,
    limitBytesPerSecond: 1_000_000,
    onEvent(event) {
      if (event.type === "download.progress" && event.receivedBytes > 500_000) stop.abort();
    },
  });
  await expect(first).rejects.toMatchObject({ name: "AbortError" });
  const snapshot = await pulled(place.url);
  const [planned] = scene.of("download.planned");
  expect(planned?.resumedBytes).toBeGreaterThan(100_000);
  expect(await readFile(join(snapshot, "a +#/weights.bin"))).toEqual(weights);
});

test.each(kinds)("a file of another size is refused by its size (%s)", async (kind) => {
  await truncate(pathOf("a +#/weights.bin"), 1000);
  await using place = await reached(kind);
  await expect(pulled(place.url)).rejects.toMatchObject({ code: "folder.wrong_size", exitCode: 5 });
});

test.each(kinds)("a file that is missing is named (%s)", async (kind) => {
  await rm(pathOf("a +#/weights.bin"));
  await using place = await reached(kind);
  await expect(pulled(place.url)).rejects.toMatchObject({
    code: "folder.incomplete",
    message: `${place.url} has lost a file of a model: there is no ${repo}/${commit}/a +#/weights.bin.`,
  });
});

test.each(kinds)("a folder without a list, and a model that is not in it (%s)", async (kind) => {
  await using place = await reached(kind);
  await expect(sourceOf(place.url).list("org/other", "main", signal)).rejects.toMatchObject({
    code: "folder.model_not_found",
    message: `${place.url} has no org/other at main. It has: org/model.`,
  });
  await rm(join(folder, "heros-manifest.json"));
  await expect(pulled(place.url)).rejects.toMatchObject({
    code: "folder.no_manifest",
    exitCode: 2,
  });
});

test("a folder that is not there", async () => {
  const missing = join(folder, "nowhere");
  await expect(pulled(missing)).rejects.toMatchObject({ code: "folder.not_found", exitCode: 2 });
});

test.each([
  { what: "no JSON", text: "<html>" },
  { what: "../ in a path", path: "../../../../.bashrc" },
  { what: "an absolute path", path: "/etc/passwd" },
  { what: "a backslash", path: "..\\x" },
  { what: "no path", path: "" },
  { what: "a path that is a folder, too", path: "config.json/x" },
])("a list with $what is refused, whatever else is in it", async ({ text, path }) => {
  const [config_, ...rest] = listed.files;
  const files = [config_, ...rest, { ...config_, path }];
  await writeManifest(text ?? JSON.stringify({ schema: 1, models: [{ ...listed, files }] }));
  for (const kind of kinds) {
    await using place = await reached(kind);
    await expect(pulled(place.url)).rejects.toMatchObject({
      code: "folder.bad_manifest",
      exitCode: 5,
    });
  }
});

test.each([
  { repo: "../../x" },
  { repo: "a/../../b" },
  { commit: "../x" },
  { revision: "../../x" },
])("a list with %o is refused", async (change) => {
  await writeManifest(JSON.stringify({ schema: 1, models: [{ ...listed, ...change }] }));
  await expect(pulled(folder)).rejects.toMatchObject({ code: "folder.bad_manifest" });
});

test.each(kinds)("a list without an end is not read (%s)", async (kind) => {
  await truncate(join(folder, "heros-manifest.json"), 10_000_000_000);
  await using place = await reached(kind);
  await expect(pulled(place.url)).rejects.toMatchObject({ code: "folder.bad_manifest" });
});

test("no link is followed out of the folder; one that stays inside is", async () => {
  const outside = await mkdtemp(join(tmpdir(), "heros-outside-"));
  try {
    await writeFile(join(outside, "weights.bin"), weights);
    await rm(pathOf("a +#/weights.bin"));
    await symlink(join(outside, "weights.bin"), pathOf("a +#/weights.bin"));
    await expect(pulled(folder)).rejects.toMatchObject({ code: "folder.unsafe_link" });

    await rm(pathOf("a +#"), { recursive: true });
    await symlink(outside, pathOf("a +#"));
    await expect(pulled(folder)).rejects.toMatchObject({ code: "folder.unsafe_link" });

    await rm(pathOf("a +#"));
    await rename(outside, join(folder, "blobs"));
    await symlink("../../../blobs", pathOf("a +#"));
    expect(await readFile(join(await pulled(folder), "a +#/weights.bin"))).toEqual(weights);
  } finally {
    await rm(outside, { recursive: true, force: true });
  }
});

test("a pipe in the place of a file keeps nobody waiting", async () => {
  await rm(pathOf("a +#/weights.bin"));
  await promisify(execFile)("mkfifo", [pathOf("a +#/weights.bin")]);
  await expect(pulled(folder)).rejects.toMatchObject({ code: "folder.unreadable", exitCode: 1 });
});

test.each([
  { status: 401, code: "folder.denied", exitCode: 2 },
  { status: 403, code: "folder.denied", exitCode: 2 },
  { status: 404, code: "folder.no_manifest", exitCode: 2 },
  { status: 418, code: "folder.refused", exitCode: 5 },
  { status: 500, code: "folder.server_error", exitCode: 5 },
  { status: 511, code: "folder.strange", exitCode: 5 },
])("a server that answers $status ends with $code", async ({ status, ...failure }) => {
  await using place = await serveFolder(folder, {
    fault: (_asked, response) => response.writeHead(status).end() !== undefined,
  });
  await expect(pulled(place.url)).rejects.toMatchObject(failure);
});

test("a server that fails now and then is asked again", async () => {
  let count = 0;
  await using place = await serveFolder(folder, {
    fault(_asked, response) {
      count += 1;
      if (count % 3 !== 0) return false;
      response.writeHead(503).end();
      return true;
    },
  });
  expect(await readFile(join(await pulled(place.url), "a +#/weights.bin"))).toEqual(weights);
});

test("a redirect is followed, and the next ranges go there at once", async () => {
  await using other = await serveFolder(folder);
  await using place = await serveFolder(folder, {
    fault({ path }, response) {
      response
        .writeHead(302, {
          location: `${other.url.slice(0, -1)}${encodeURI(path).replaceAll("#", "%23")}`,
        })
        .end();
      return true;
    },
  });
  expect(await readFile(join(await pulled(place.url), "a +#/weights.bin"))).toEqual(weights);
  const ranges = ({ asked }: typeof place) =>
    asked.filter(({ headers }) => headers.range !== undefined).length;
  expect(ranges(place)).toBeLessThan(ranges(other));
});

test("a redirect that goes round, and one to where nothing is sent from here", async () => {
  await using round = await serveFolder(folder, {
    fault: ({ path }, response) => response.writeHead(302, { location: path }).end() !== undefined,
  });
  await expect(pulled(round.url)).rejects.toMatchObject({ code: "folder.strange" });
  await using away = await serveFolder(folder, {
    fault: (_asked, response) =>
      response.writeHead(302, { location: "file:///etc/passwd" }).end() !== undefined,
  });
  await expect(pulled(away.url)).rejects.toMatchObject({ code: "folder.strange" });
});

test("a server that is not there", async () => {
  const place = await serveFolder(folder);
  await place[Symbol.asyncDispose]();
  await expect(pulled(place.url)).rejects.toMatchObject({
    code: "folder.unreachable",
    exitCode: 5,
  });
});

test("nothing is asked where only the cache may be", async () => {
  await expect(sourceOf(folder, true).list(repo, "main", signal)).rejects.toMatchObject({
    code: "hub.offline",
  });
});
