import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { listKnownStacks, stackAnswersFile } from "../../src/record/known-stacks.ts";
import { testHost } from "../deploy/compose/fixtures.ts";

test("what lies in the state folder and is no stack's file is passed over, a pipe without end too", async () => {
  const stateDir = await mkdtemp(path.join(tmpdir(), "heros-stacks-"));
  onTestFinished(() => rm(stateDir, { recursive: true, force: true }));
  const folder = path.join(stateDir, "stacks");
  await mkdir(path.join(folder, "folder.json"), { recursive: true });
  await writeFile(path.join(folder, "garbage.json"), "garbage");
  await promisify(execFile)("mkfifo", [path.join(folder, "pipe.json")]);
  await symlink("/dev/zero", path.join(folder, "endless.json"));
  await writeFile(path.join(folder, "large.json"), "");
  await truncate(path.join(folder, "large.json"), 5_000_000_000);
  const kept = JSON.stringify({ stackDir: "/srv/annie", finished: true });
  await writeFile(stackAnswersFile(stateDir, "/srv/annie"), kept);
  await writeFile(path.join(folder, "relative.json"), JSON.stringify({ stackDir: "rel" }));
  const stacks = await listKnownStacks(testHost({}), stateDir);
  expect(stacks.map(({ stackDir, finished }) => [stackDir, finished])).toEqual([
    ["/srv/annie", true],
  ]);
});

test("two long paths with the same end have a file each", () => {
  const [one, other] = ["a", "b"].map((first) => `/srv/${first}/${"long/".repeat(60)}annie`);
  const files = [one, other].map((stackDir = "") => stackAnswersFile("/state", stackDir));
  expect(new Set(files).size).toBe(2);
  for (const file of files) expect(path.basename(file).length).toBeLessThan(255);
});
