import { execFileSync } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type HerosRun, makeSandbox, type Sandbox } from "./sandbox.ts";

let sandbox: Sandbox;
let hub: string;
let ollama: string;
const commit = "a".repeat(40);

beforeEach(async () => {
  sandbox = await makeSandbox();
  hub = join(sandbox.home, ".cache/huggingface/hub");
  ollama = join(sandbox.home, ".ollama/models/manifests/registry.ollama.ai/library");
  const repo = join(hub, "models--acme--thing");
  await mkdir(join(repo, "refs"), { recursive: true });
  await mkdir(join(repo, "snapshots", commit), { recursive: true });
  await writeFile(join(repo, "refs/main"), commit);
  await writeFile(join(repo, "snapshots", commit, "config.json"), "{}");
  await mkdir(join(ollama, "llava"), { recursive: true });
  if (process.getuid?.() === 0) {
    // Nothing is closed to root.
    await sandbox.command(
      "as-user",
      'exec /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups "$@"',
    );
    execFileSync("chown", ["-R", "65534:65534", sandbox.dir]);
  } else {
    await sandbox.command("as-user", 'exec "$@"');
  }
});

afterEach(() => sandbox[Symbol.asyncDispose]());

async function closed(folder: string, args: readonly string[]): Promise<HerosRun> {
  await chmod(folder, 0o000);
  try {
    const offline = { HF_HUB_OFFLINE: "1" };
    return await sandbox.run(["models", ...args, "--json"], { within: "as-user", env: offline });
  } finally {
    await chmod(folder, 0o755);
  }
}

const commands = ["ls", "verify", "prune", "update --dry-run"];

test.each([...commands, "verify acme/thing", "rm acme/thing"])(
  "a cache that is closed to the user is not called empty: models %s",
  async (words) => {
    for (const folder of [hub, join(hub, "models--acme--thing")]) {
      const run = await closed(folder, words.split(" "));
      expect(run.stdout).toContain(`"code":"models.not_readable"`);
      expect(run.stdout).toContain(`look into ${folder}: you don't have permission`);
      expect(run.exitCode).toBe(1);
    }
  },
);

test.each([...commands, "rm ollama:llava"])(
  "nor are Ollama's models that are closed: models %s",
  async (words) => {
    const run = await closed(ollama, words.split(" "));
    expect(run.stdout).toContain(`look into ${ollama}: you don't have permission`);
    expect(run.exitCode).toBe(1);
  },
);

test("who names a model is not stopped by what else is closed", async () => {
  const run = await closed(ollama, ["rm", "acme/thing"]);
  expect(run.exitCode).toBe(0);
});
