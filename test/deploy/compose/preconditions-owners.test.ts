import { chmod, chown, readdir, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import type { Host } from "../../../src/host/host.ts";
import { Secret } from "../../../src/run/secret.ts";
import { planDeployment } from "../../../src/deploy/compose/plan.ts";
import { writeStack } from "../../../src/deploy/compose/deployment.ts";
import {
  assetsDir,
  minimalBase,
  newStackDir,
  photograph,
  put,
  read,
  setUpStack,
  stackPlan,
  temporaryFolder,
  testHost,
} from "./fixtures.ts";

const isRoot = process.getuid?.() === 0;
const token = new Secret("hf_abcdefghijklmnop");

test.runIf(isRoot).each([
  ["the folder", ["."]],
  ["the folder above one that is to be made", [".."]],
  [".env", [".env"]],
  ["the compose file", ["compose.yml"]],
  ["the folder of secrets", ["secrets"]],
  ["what a link leads to", ["../theirs"]],
])("root writes nothing where %s is another user's", async (_what, names) => {
  const stackDir = await newStackDir({ "../theirs": "A=1\n" });
  const isNew = names.includes("..");
  if (!isNew) {
    await put(stackDir, { "compose.yml": minimalBase, "secrets/mine": "" });
    if (names.includes(".env")) await put(stackDir, { ".env": "A=1\n" });
    else await symlink("../theirs", path.join(stackDir, ".env"));
  }
  for (const name of names) await chown(path.join(stackDir, name), 12_345, 12_345);
  const before = await photograph(path.dirname(stackDir));

  await expect(setUpStack({ stackDir, change: { token } })).rejects.toMatchObject({
    code: "stack.other_owner",
    exitCode: 1,
  });
  expect(await photograph(path.dirname(stackDir))).toEqual(before);
});

test("a folder of secrets that everybody may write to is closed, and what lies open in it", async () => {
  const stackDir = await newStackDir({ "secrets/hf_token": "hf_other", "secrets/mine": "" });
  const modes = async () => {
    const names = ["secrets", "secrets/hf_token", "secrets/mine"];
    const found = names.map(async (name) => (await stat(path.join(stackDir, name))).mode & 0o777);
    return (await Promise.all(found)).map((mode) => mode.toString(8));
  };
  await chmod(path.join(stackDir, "secrets/mine"), 0o644);
  for (const change of [{ token }, { token }, {}]) {
    await chmod(path.join(stackDir, "secrets"), 0o777);
    await chmod(path.join(stackDir, "secrets/hf_token"), 0o644);
    await setUpStack({ stackDir, change });
    expect(await modes()).toEqual(["700", "600", "644"]);
  }
  // One that only its owner writes to is a choice.
  await chmod(path.join(stackDir, "secrets"), 0o755);
  await setUpStack({ stackDir, change: { token } });
  expect(await modes()).toEqual(["755", "600", "644"]);
});

test("a file that changes while others are written is not overwritten", async () => {
  const stackDir = await newStackDir({ "compose.yml": minimalBase, ".env": "A=1\n" });
  const real = testHost();
  const env = path.join(stackDir, ".env");
  const files: Host["files"] = {
    ...real.files,
    // Our compose file is in place; the .env comes next.
    rename: async (from, to) => {
      await real.files.rename(from, to);
      await writeFile(env, "A=2\n");
    },
  };
  const host = { ...real, files };
  const plan = stackPlan(path.join(await temporaryFolder(), "hub"));
  const { changes } = await planDeployment({ host, stackDir, plan, assetsDir });
  await expect(writeStack({ host, changes, emit: () => {} })).rejects.toMatchObject({
    code: "stack.changed",
  });
  expect(await read(stackDir, ".env")).toBe("A=2\n");
  expect((await readdir(stackDir)).toSorted()).toEqual([
    ".env",
    "compose.yml",
    "docker-compose.heros.yml",
  ]);
});

test("a file that several users may write to does not change its owner", async () => {
  const stackDir = await newStackDir({ "compose.yml": minimalBase, ".env": "A=1\n" });
  const before = await photograph(stackDir);
  const real = testHost();
  const self = await stat("/proc/self");
  // Somebody else, who may write in the folder.
  const files = Object.assign(Object.create(real.files) as Host["files"], {
    stat: async (file: string) =>
      file === "/proc/self" ? Object.assign(self, { uid: 12_345 }) : real.files.stat(file),
  });
  await expect(setUpStack({ stackDir, host: { ...real, files } })).rejects.toMatchObject({
    code: "stack.other_owner",
    exitCode: 1,
  });
  expect(await photograph(stackDir)).toEqual(before);
});
