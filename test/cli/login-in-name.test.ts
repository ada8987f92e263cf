import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeSandbox, type Sandbox } from "./sandbox.ts";

let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await makeSandbox();
});

afterEach(() => sandbox[Symbol.asyncDispose]());

const names = [
  "ollama:ann:hunter2@127.0.0.1:9/library/ok",
  "ollama:ann:hunter2@ok",
  "s3://ann:hunter2@bucket/models",
  "gs://ann:hunter2@bucket/models",
  "https://ann:hunter2@huggingface.co/acme/thing",
  "https://hunter2@huggingface.co/acme/thing",
  "ann:hunter2@host/acme/thing",
];

test.each(names)(
  "a password in a name is refused, and neither shown nor kept: %s",
  async (name) => {
    for (const words of [["pull"], ["models", "rm"], ["models", "update", "--dry-run"]]) {
      const run = await sandbox.run([...words, name]);
      expect(run.exitCode, run.stderr).toBe(2);
      expect(run.stdout + run.stderr).not.toContain("hunter2");
    }
    const state = join(sandbox.home, ".local/state");
    const found = await readdir(state, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of found.filter((each) => each.isFile())) {
      expect(await readFile(join(entry.parentPath, entry.name), "utf8")).not.toContain("hunter2");
    }
  },
);

test("nor in the path of a catalog that was meant as an address", async () => {
  const run = await sandbox.run(["catalog", "check", "https://ann:hunter2@host/my.yaml"]);
  expect(run.exitCode).toBe(2);
  expect(run.stdout + run.stderr).not.toContain("hunter2");
  expect(run.stderr + run.stdout).toContain("…@host/my.yaml");
});
