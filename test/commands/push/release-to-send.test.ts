import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { releaseToSend } from "../../../src/commands/push/release-to-send.ts";
import { type FarMachine, readProbe } from "../../../src/ssh/far-machine.ts";
import { type ReleaseServer, startReleaseServer } from "../../release/release-server.ts";
import { platform, ReleaseWorld } from "../../release/release-world.ts";
import { makeScene, type Scene } from "./there.ts";

const otherPlatform = platform === "linux-x64" ? "linux-arm64" : "linux-x64";
let world: ReleaseWorld;
let server: ReleaseServer;
let scene: Scene;
beforeEach(async () => {
  world = await ReleaseWorld.make();
  server = await startReleaseServer(world);
  scene = await makeScene();
});
afterEach(async () => {
  await server.close();
  await world.remove();
});

/** A tree as far as its sender looks at it. @returns its app folder */
async function makeTree(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const tree = join(world.root, "versions/1.2.0");
  const all = {
    "release.json": JSON.stringify({ schema: 1, version: "1.2.0", platform, commit: "abc" }),
    "app/package.json": "{}",
    "app/node_modules/.cache/heros/compiled": "of this machine",
    "runtime/node": "",
    ...files,
  };
  for (const [name, content] of Object.entries(all)) {
    await mkdir(join(tree, name, ".."), { recursive: true });
    await writeFile(join(tree, name), content);
  }
  return join(tree, "app");
}

function machineWith(change: Partial<FarMachine>): FarMachine {
  const text = `system=Linux
arch=${process.arch === "arm64" ? "aarch64" : "x86_64"}
home=/h
data=/h/d
install=/h/i
hubCache=/h/c
state=/h/s
config=/h/k
`;
  return { ...readProbe("spark-2", text), ...change };
}

async function send(appDir: string, change: Partial<FarMachine> = {}, release?: string) {
  const folder = join(world.root, "own");
  await mkdir(folder, { recursive: true });
  const env = { PATH: "/usr/bin:/bin" };
  const host = { ...scene.work.host, env, home: world.home };
  const machine = machineWith(change);
  const request = { appDir, release: release ?? null, machine, host: "spark-2", folder };
  return releaseToSend({ ...scene.work, host }, request);
}

test("the installed version goes as it is, and always as the same bytes", async () => {
  const appDir = await makeTree();
  const first = await send(appDir);
  await writeFile(join(appDir, "node_modules/.cache/heros/another"), "");
  const second = await send(appDir);
  expect(first).toMatchObject({ version: "1.2.0", packing: "gz" });
  expect(second?.sha256).toBe(first?.sha256);
  const bytes = await readFile(first?.file ?? "");
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(first?.sha256);
});

test("what is there is not sent: this version, or a newer one", async () => {
  const appDir = await makeTree();
  const heros = { version: "1.2.0", id: "1.2.0", commit: "abc" };
  expect(await send(appDir, { heros })).toBe(null);
  expect(await send(appDir, { heros: { ...heros, version: "1.3.0" } })).toBe(null);
  expect(await send(appDir, { heros: { ...heros, version: "1.1.0" } })).not.toBe(null);
  // Another build of the same version.
  expect(await send(appDir, { heros: { ...heros, commit: "def" } })).not.toBe(null);
});

test("a build of a checkout is the same one on another processor", async () => {
  const described = { schema: 1, version: "1.2.0", platform, id: "1.2.0-x64-0123456789ab" };
  const appDir = await makeTree({ "release.json": JSON.stringify(described) });
  const heros = { version: "1.2.0", id: "1.2.0-arm64-0123456789ab", commit: null };
  expect(await send(appDir, { heros, platform: otherPlatform })).toBe(null);
});

test("for another processor the signed release of the same version is downloaded", async () => {
  const appDir = await makeTree(server.files);
  const name = `heros-1.2.0-${otherPlatform}.tar.gz`;
  const bytes = Buffer.alloc(100_000, "x");
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const sums = `${sha256}  ${name}\n`;
  const put = async (key: "current" | "foreign") => {
    server.content.set(`download/v1.2.0/${name}`, bytes);
    server.content.set("download/v1.2.0/SHA256SUMS", Buffer.from(sums));
    const signature = await server.sign(sums, key);
    server.content.set("download/v1.2.0/SHA256SUMS.sig", Buffer.from(signature));
  };
  await put("foreign");
  await expect(send(appDir, { platform: otherPlatform })).rejects.toMatchObject({
    code: "release.bad_signature",
    exitCode: 6,
  });
  await put("current");
  const sent = await send(appDir, { platform: otherPlatform });
  expect(sent).toMatchObject({ version: "1.2.0", packing: "gz", sizeBytes: 100_000, sha256 });
  expect((await readFile(sent?.file ?? "")).equals(bytes)).toBe(true);
  expect(await readdir(join(world.home, ".cache/heros/push"))).toHaveLength(1);
  // Once more, from what is kept.
  const before = server.asked.filter((path) => path.includes("tar.gz")).length;
  await send(appDir, { platform: otherPlatform });
  const after = server.asked.filter((path) => path.includes("tar.gz")).length;
  expect(after - before).toBeLessThanOrEqual(1);
});

test("a checkout, a package of npm's, and a build for another processor can't be sent", async () => {
  const checkout = join(world.root, "checkout");
  await mkdir(checkout);
  await expect(send(checkout)).rejects.toMatchObject({ code: "push.no_release", exitCode: 2 });
  const fromNpm = join(world.root, "node_modules/heros");
  await mkdir(fromNpm, { recursive: true });
  await expect(send(fromNpm)).rejects.toMatchObject({ code: "push.no_release" });
  const appDir = await makeTree();
  await expect(send(appDir, { platform: otherPlatform })).rejects.toMatchObject({
    code: "push.other_platform",
    exitCode: 4,
  });
});

test("a tarball that is named is verified by an installed release, and told to be unverified by a checkout", async () => {
  const appDir = await makeTree(server.files);
  const name = `heros-1.2.0-${platform}.tar.gz`;
  const file = join(world.root, name);
  await writeFile(file, "tarball");
  const rejects = async (code: string, change: Partial<FarMachine> = {}) =>
    expect(send(appDir, change, file)).rejects.toMatchObject({ code });
  await rejects("release.not_beside");
  const sumsOf = (sha256: string, called = name) => `${sha256}  ${called}\n`;
  const sha256 = createHash("sha256").update("tarball").digest("hex");
  const put = async (sums: string, key: "current" | "foreign" = "current") => {
    await writeFile(join(world.root, "SHA256SUMS"), sums);
    await writeFile(join(world.root, "SHA256SUMS.sig"), await server.sign(sums, key));
  };
  await put(sumsOf(sha256), "foreign");
  await rejects("release.bad_signature");
  await put(sumsOf("0".repeat(64)));
  await rejects("release.hash_mismatch");
  await put(sumsOf(sha256, "heros-1.1.0-linux-x64.tar.gz"));
  await rejects("release.not_listed");
  await put(sumsOf(sha256));
  await rejects("push.other_platform", { platform: otherPlatform });
  expect(await send(appDir, {}, file)).toMatchObject({ version: "1.2.0", file, sha256 });

  const checkout = join(world.root, "checkout");
  await mkdir(checkout);
  await send(checkout, {}, file);
  expect(scene.events.at(-1)).toMatchObject({ level: "warning", code: "push.unverified" });
  for (const wrong of ["heros.tar.gz", "missing/heros-1.2.0-linux-x64.tar.gz", "/dev/null"]) {
    await expect(send(checkout, {}, join(world.root, wrong))).rejects.toMatchObject({
      code: "push.bad_release",
      exitCode: 2,
    });
  }
  const packed = join(world.root, `heros-1.2.0-${platform}.tar.xz`);
  await writeFile(packed, "tarball");
  await expect(send(checkout, {}, packed)).rejects.toMatchObject({ code: "push.lacks_tools" });
});
