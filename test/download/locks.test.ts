import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { realFileLocks } from "../../src/host/file-locks.ts";
import { model, openScene } from "./scene.ts";

const repo = "org/model";
const large = { path: "model.safetensors", sizeBytes: 3_000_000 };
const small = { path: "config.json", content: "{}" };
const repos = [{ id: repo, files: [large, small] }];

test("two heros at once share the work: every byte comes once, and both end with all files", async () => {
  await using scene = await openScene({ repos, throttle: { bytesPerSecond: 6_000_000 } });
  const second = { ...scene.host, fileLocks: realFileLocks(process.env) };
  // One connection each: of several, one that only waits may be cut with bytes on their way.
  await Promise.all([
    scene.pull([model("m", repo)], { maxConnections: 1 }),
    scene.pull([model("m", repo)], { maxConnections: 1, host: second }),
  ]);
  second.fileLocks.close();
  expect(scene.served.sentBytes()).toBe(large.sizeBytes + 2);
  expect(scene.of("model.ready")).toHaveLength(2);
  expect(scene.of("download.finished")).toHaveLength(2);
  expect(scene.of("download.blocked")).toContainEqual(
    expect.objectContaining({
      model: "m",
      path: large.path,
      holder: `heros, process ${process.pid}`,
    }),
  );
});

test("a lock that another program holds is waited for, and the program is named", async () => {
  await using scene = await openScene({ repos });
  const { blobName } = await scene.served.file(repo, large.path).identify();
  const folder = join(scene.cacheDir, ".locks/models--org--model");
  await mkdir(folder, { recursive: true });
  const lock = join(folder, `${blobName}.lock`);
  const other = spawn("flock", [lock, "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(other.stdout, "data");
  await scene.pull([model("m", repo)], {
    onEvent: ({ type }) => {
      if (type === "download.blocked") other.stdin.end();
    },
  });
  // util-linux flock runs the command as a child; both have the file open.
  expect(scene.of("download.blocked")).toMatchObject([
    { path: large.path, holder: expect.stringMatching(/^(?:flock|cat), process \d+$/u) as string },
  ]);
  expect(scene.of("file.verified")).toHaveLength(2);
});

test("without a way to lock, a pull goes on and says so once", async () => {
  await using scene = await openScene({ repos });
  const host = { ...scene.host, fileLocks: realFileLocks({ PATH: "/nowhere" }) };
  await scene.pull([model("m", repo)], { host });
  expect(scene.of("notice")).toMatchObject([{ level: "warning", code: "cache.no_locks" }]);
  expect(scene.of("file.verified")).toHaveLength(2);
});

test("each lock is let go once", async () => {
  await using scene = await openScene({ repos });
  const taken: string[] = [];
  const left: string[] = [];
  const { fileLocks } = scene.host;
  const counting: typeof fileLocks = {
    ...fileLocks,
    async acquire(path) {
      const answer = await fileLocks.acquire(path);
      if (answer === "held") taken.push(path);
      return answer;
    },
    release(path) {
      left.push(path);
      fileLocks.release(path);
    },
  };
  await scene.pull([model("m", repo)], { host: { ...scene.host, fileLocks: counting } });
  expect(taken.length).toBeGreaterThanOrEqual(2);
  expect(left.toSorted()).toEqual(taken.toSorted());
});
