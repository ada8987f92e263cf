import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { startHub } from "../../src/demo/hub/hub.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { makeSandbox } from "./sandbox.ts";

const bin = fileURLToPath(new URL("../../bin/heros.js", import.meta.url));

/** Threads of a process in which Node's calls on files wait for the disk. */
function countThreads(pid: number | undefined): number {
  const tasks = `/proc/${pid}/task`;
  const names = readdirSync(tasks).map((id) => readFileSync(`${tasks}/${id}/comm`, "utf8").trim());
  return names.filter((name) => name === "libuv-worker").length;
}

test("so many calls on files can wait for a slow disk that the others go on", async () => {
  await using sandbox = await makeSandbox();
  const files = [{ path: "model.safetensors", sizeBytes: 1_000_000 }];
  const hub = await startHub({
    repos: [{ id: "demo/voice", files }],
    intercept: ({ origin }) => (origin === "content" ? { stallAfterBytes: 0 } : undefined),
  });
  try {
    const catalog = await sandbox.file(
      "catalog.yaml",
      `schema: 1\nstack: test\ntiers:\n  - {id: 1, name: Critical, required: true}\nmodels:\n  - {id: voice, title: Voice, repo: demo/voice, revision: main, tier: 1}\n`,
    );
    const args = [bin, "pull", "voice", "--json", "--catalog", catalog, "--endpoint", hub.endpoint];
    const child = spawn(process.execPath, [...args, "--cache-dir", `${sandbox.dir}/cache`], {
      env: { HOME: sandbox.home, PATH: sandbox.path, LANG: "C.UTF-8" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let threads = 0;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if ((JSON.parse(line) as TimedEvent).type !== "file.started") return;
      threads = countThreads(child.pid);
      child.kill("SIGKILL");
    });
    await once(child, "exit");
    expect(threads).toBe(16);
  } finally {
    await hub.close();
  }
});
