import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findRegistryLogin } from "../../src/docker/credentials.ts";
import type { Host } from "../../src/host/host.ts";
import { realHost } from "../../src/host/real-host.ts";
import { platformOf } from "../../src/source/oci/manifest.ts";
import { parseImageReference } from "../../src/source/oci/reference.ts";
import { openRegistries, type Registries } from "../../src/source/oci/registry.ts";
import { model, openScene } from "../download/scene.ts";
import { freePort } from "../host/free-port.ts";
import { noise } from "../source/oci/images.ts";
import { asModel, failed, modelCommit } from "../source/oci/scene.ts";
import { type Registry, startRegistry } from "./registry.ts";

const password = "s3cret-of-annie";
/** The same by bcrypt, as the registry wants to read it. */
const htpasswd = "annie:$2b$04$6y0jrGJ/E0mV5ActXiM/tObiKJlXLayQVfplEGZFAwOh0xMY9OXI.\n";
const { signal } = new AbortController();
const run = promisify(execFile);

let folder: string;
let address: string;
let port: number;
let registry: Registry;
let pushed: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "heros-registry-"));
  port = await freePort();
  address = `127.0.0.1:${port}`;
  await writeFile(path.join(folder, "htpasswd"), htpasswd);
  registry = await start();
  await docker(["login", "--username", "annie", "--password", password, address]);
  await makeImage(`${address}/her-os/core:1`);
  const said = await docker(["push", `${address}/her-os/core:1`]);
  pushed = /digest: (sha256:[0-9a-f]{64})/.exec(said)?.[1] ?? "";
});

afterAll(async () => {
  await registry.kill();
  await docker(["rmi", "--force", `${address}/her-os/core:1`]).catch(() => "");
  await rm(folder, { recursive: true, force: true });
});

function start(): Promise<Registry> {
  const more = `auth: {htpasswd: {realm: test, path: ${folder}/htpasswd}}\n`;
  return startRegistry({ folder, port, more });
}

/** Docker with a config.json of this test's own. */
async function docker(args: readonly string[]): Promise<string> {
  const env = { ...process.env, DOCKER_CONFIG: path.join(folder, "docker") };
  return (await run("docker", args, { env })).stdout;
}

/** An image of three layers, which the engine packs itself. */
async function makeImage(name: string): Promise<void> {
  const root = path.join(folder, "root");
  await mkdir(root);
  await writeFile(path.join(root, "first"), noise("first", 9_000_000));
  await run("tar", ["-C", root, "-cf", path.join(folder, "root.tar"), "."]);
  await docker(["import", path.join(folder, "root.tar"), name]);
  for (const layer of ["second", "third"]) {
    const file = path.join(folder, layer);
    await writeFile(file, noise(layer, layer === "second" ? 5_000_000 : 1000));
    const container = (await docker(["create", name, "/none"])).trim();
    await docker(["cp", file, `${container}:/${layer}`]);
    await docker(["commit", container, name]);
    await docker(["rm", container]);
  }
}

function hostWith(env: Readonly<Record<string, string>>): Host {
  const home = path.join(folder, "home");
  const facts = { home, cwd: folder, pid: process.pid, platform: "linux", nodeArch: process.arch };
  return realHost({ ...facts, env: { PATH: process.env["PATH"] ?? "", ...env } });
}

/** With what docker keeps in its folder, as a run of heros asks. */
function open(dockerConfig = path.join(folder, "docker")): { host: Host; registries: Registries } {
  const host = hostWith({ DOCKER_CONFIG: dockerConfig });
  const registries = openRegistries({
    host,
    credentials: (name, stop) => findRegistryLogin(host, name, stop),
    forMs: 0,
  });
  return { host, registries };
}

async function resolve(name: string, dockerConfig?: string) {
  const { host, registries } = open(dockerConfig);
  try {
    const reference = parseImageReference(`${address}/${name}`);
    return await registries.resolve(reference, platformOf(host), signal);
  } finally {
    host.network.close();
  }
}

test("an image that docker pushed is resolved as docker knows it", async () => {
  const found = await resolve("her-os/core:1");
  const [known] = JSON.parse(await docker(["image", "inspect", `${address}/her-os/core:1`])) as [
    { Id: string; RootFS: { Layers: string[] }; RepoDigests: string[] },
  ];
  expect(pushed).toMatch(/^sha256:/);
  expect(found).toMatchObject({ digest: pushed, manifestDigest: pushed, index: null });
  expect(known.RepoDigests).toContain(`${address}/her-os/core@${found.digest}`);
  expect(found.config.digest).toBe(known.Id);
  expect(found.diffIds).toEqual(known.RootFS.Layers);
  expect(found.layers).toHaveLength(3);
  expect(await resolve(`her-os/core@${pushed}`)).toMatchObject({ manifestDigest: pushed });
});

test("what the registry lacks or refuses is said as what it is", async () => {
  await expect(resolve("her-os/core:2")).rejects.toEqual(
    failed("image.not_found", 2, "the repository has no such tag"),
  );
  await expect(resolve("nobody/knows:1")).rejects.toEqual(failed("image.not_found", 2, ""));
  const nobody = path.join(folder, "nobody");
  await expect(resolve("her-os/core:1", nobody)).rejects.toEqual(
    failed("image.denied", 2, "it does not exist, or it is private"),
  );
  const stale = path.join(folder, "stale");
  await mkdir(stale);
  const auth = Buffer.from("annie:old").toString("base64");
  await writeFile(
    path.join(stale, "config.json"),
    JSON.stringify({ auths: { [address]: { auth } } }),
  );
  await expect(resolve("her-os/core:1", stale)).rejects.toEqual(
    failed("registry.login_refused", 2, address),
  );
});

test("the engine brings its layers in ranges, past a registry that is killed on the way", async () => {
  const { host, registries } = open();
  await using scene = await openScene({ repos: [] });
  const hub = asModel(registries, `oci:${address}/her-os/core`, "1");
  const restarts: Promise<void>[] = [];
  try {
    await scene.pull([model("m", "org/image")], {
      hub,
      limitBytesPerSecond: 3_000_000,
      onEvent(event) {
        if (restarts.length > 0 || event.type !== "download.progress") return;
        if (event.receivedBytes > 1_000_000) restarts.push(restart());
      },
    });
  } finally {
    host.network.close();
  }
  await Promise.all(restarts);
  const { config, layers } = await resolve("her-os/core:1");
  const snapshot = path.join(scene.cacheDir, "models--org--image/snapshots", modelCommit);
  for (const { digest, sizeBytes } of [config, ...layers]) {
    expect((await readFile(path.join(snapshot, digest))).length).toBe(sizeBytes);
  }
  expect(
    scene
      .of("file.verified")
      .map(({ sha256 }) => `sha256:${sha256}`)
      .toSorted(),
  ).toEqual([config, ...layers].map(({ digest }) => digest).toSorted());
  expect(scene.of("download.retrying").length).toBeGreaterThan(0);
});

async function restart(): Promise<void> {
  await registry.kill();
  registry = await start();
}
