import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { expect, test } from "vitest";
import { placesOf } from "../../../src/store/hub-cache/layout.ts";
import type { Files, Host } from "../../../src/host/host.ts";
import type { HerosEvent } from "../../../src/run/event.ts";
import { config, expectWhole, files, models, repo, weights } from "../../download/one-model.ts";
import { model, openScene, type Scene } from "../../download/scene.ts";

const missing = { answer: { status: 404, headers: { "x-error-code": "EntryNotFound" } } };

const loader = new URL("fixtures/model_loader.py", import.meta.url).pathname;
const hasPython = spawnSync("python3", ["--version"]).status === 0;

/** What her-os' own loader finds of the model; without Python by the same rule. */
function lookAsHerOs({ cacheDir }: Scene): string | null {
  if (!hasPython) {
    const place = join(cacheDir, `models--${repo.replaceAll("/", "--")}`);
    return existsSync(place) ? place : null;
  }
  const env = { PATH: process.env["PATH"], HF_HOME: cacheDir };
  const { stdout, stderr } = spawnSync("python3", [loader, repo], { env, encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout.trim() === "None" ? null : stdout.trim();
}

test("her-os finds a model when it is whole, and not after a kill at 2 % or at 60 %", async () => {
  const bytes = 12_000_000;
  const large = [config, { path: "model.safetensors", sizeBytes: bytes }];
  await using scene = await openScene({
    repos: [{ id: repo, files: large }],
    throttle: { bytesPerSecond: 8_000_000 },
  });
  const program = new URL("../../download/fixtures/pull-alone.ts", import.meta.url).pathname;
  const pullAlone = (): ReturnType<typeof spawn> =>
    spawn(process.execPath, [program, scene.served.endpoint, scene.folder, repo], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  for (const share of [0.02, 0.6]) {
    const child = pullAlone();
    if (child.stdout === null) throw new Error("no output");
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = JSON.parse(line) as HerosEvent;
      if (event.type !== "download.progress" || event.receivedBytes < bytes * share) return;
      child.kill("SIGKILL");
    });
    await expect(once(child, "exit")).resolves.toEqual([null, "SIGKILL"]);
    expect(lookAsHerOs(scene)).toBeNull();
  }
  const child = pullAlone();
  child.stdout?.resume();
  await expect(once(child, "exit")).resolves.toEqual([0, null]);
  expect(lookAsHerOs(scene)).toBe(placesOf(scene.cacheDir, repo).root);
  await expectWhole(scene, large);
});

const changing = ["mkdir", "rename", "rm", "rmdir", "symlink", "writeFile"] as const;

/** The same host for a process that is killed at its nth change of a file, from this moment on. */
function dyingAt({ host }: Scene, nth: number, since: () => boolean) {
  const seen = { changes: 0 };
  const dying = Object.fromEntries(
    changing.map((name) => {
      const call = host.files[name] as (...given: unknown[]) => Promise<unknown>;
      const mortal = async (...given: unknown[]): Promise<unknown> => {
        if (since() && (seen.changes += 1) >= nth) throw new Error("killed");
        return call(...given);
      };
      return [name, mortal];
    }),
  );
  const mortal: Host = { ...host, fileLocks, files: { ...host.files, ...dying } };
  return { seen, host: mortal };
}

/** Nobody else is there, and no child need be started for it again and again. */
const fileLocks: Host["fileLocks"] = {
  acquire: async () => "held",
  release: () => {},
  close: () => {},
};

test("killed at any moment of its publication, a model is absent or whole, and no byte comes again", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  let nth = 0;
  for (let ended = false; !ended;) {
    nth += 1;
    await rm(scene.cacheDir, { recursive: true, force: true });
    scene.events.length = 0;
    const verified = (): boolean => scene.of("file.verified").length === files.length;
    const { host, seen } = dyingAt(scene, nth, verified);
    await scene.pull(models, { host }).catch(() => {});
    ended = seen.changes < nth;
    const found = lookForFolder(scene);
    scene.served.forgetRequests();
    if (found !== null) {
      const survey = await scene.survey(models);
      expect(survey.models[0]?.snapshots[0]?.files.every(({ linked }) => linked)).toBe(true);
    }
    await scene.pull(models, { host: { ...scene.host, fileLocks } });
    expect(scene.served.sentBytes(), `killed at call ${nth}`).toBe(0);
    await expectWhole(scene);
  }
  expect(nth).toBeGreaterThan(8);
});

/** The loader's rule, for a test that looks often. */
function lookForFolder({ cacheDir }: Scene): string | null {
  const { root } = placesOf(cacheDir, repo);
  return existsSync(root) ? root : null;
}

test("of two models of one repository each has its blobs when it is whole", async () => {
  await using scene = await openScene({
    repos: [{ id: repo, files }],
    intercept: ({ file }) => (file?.path === "vocab.json" ? missing : undefined),
  });
  const two = [
    model("small", repo, { files: ["config.json"] }),
    model("large", repo, { files: ["config.json", weights.path, "vocab.json"] }),
  ];
  // The largest comes first.
  await expect(scene.pull(two, { maxConnections: 1 })).rejects.toThrow();
  expect(scene.of("model.ready").map(({ id }) => id)).toEqual(["small"]);
  const places = placesOf(scene.cacheDir, repo);
  const nameOf = async (path: string) => (await scene.served.file(repo, path).identify()).blobName;
  expect(await readdir(places.blobs)).toEqual([await nameOf("config.json")]);
  const staged = (await readdir(places.staging)).filter((name) => /^[0-9a-f]+$/u.test(name));
  expect(staged).toEqual([await nameOf(weights.path)]);
  expect((await scene.survey(two)).cachedBytes).toBe(700_000 + config.content.length);

  scene.served.setIntercept(undefined);
  await scene.pull(two);
  expect(scene.of("file.verified").map(({ path }) => path)).toEqual(["vocab.json"]);
  await expectWhole(scene);
});

test("what a model needs from other repositories is there before its own folder", async () => {
  const other = "Qwen/tokenizer";
  await using scene = await openScene({
    repos: [
      { id: repo, files },
      { id: other, files: [config] },
    ],
  });
  const both = [
    {
      ...model("m", repo),
      parts: [repo, other].map((each) => ({ repo: each, revision: "main", files: null })),
    },
  ];
  const order: string[] = [];
  const { host } = scene;
  const renaming: Files["rename"] = async (from, to) => {
    await host.files.rename(from, to);
    for (const each of [repo, other]) {
      if (String(to) === placesOf(scene.cacheDir, each).root) order.push(each);
    }
  };
  await scene.pull(both, { host: { ...host, files: { ...host.files, rename: renaming } } });
  expect(order).toEqual([other, repo]);
});

test("a folder of an earlier revision stays as it is until the new one is whole", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files: [config] }] });
  await scene.pull(models);
  const places = placesOf(scene.cacheDir, repo);
  const before = await readdir(places.root, { recursive: true });
  scene.served.publish({ id: repo, files });
  const stop = new AbortController();
  scene.served.setIntercept(({ file }) =>
    file?.path === "vocab.json" ? { stallAfterBytes: 0 } : undefined,
  );
  await expect(
    scene.pull(models, {
      signal: stop.signal,
      onEvent: ({ type }) => type === "file.verified" && stop.abort(),
    }),
  ).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
  expect(await readdir(places.root, { recursive: true })).toEqual(before);
  scene.served.setIntercept(undefined);
  await scene.pull(models);
  expect(await readdir(places.snapshots)).toHaveLength(2);
  await expectWhole(scene);
});
