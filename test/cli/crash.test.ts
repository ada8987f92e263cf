import { mkdir } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { startHub } from "../../src/demo/hub/hub.ts";
import { openHeros } from "./heros-pty.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { catalogOf, failureOf, hosted } from "./wrong-input.ts";

/** For NODE_OPTIONS: once heros has written its first line, something is thrown where nobody waits for it. */
async function thrownLater(sandbox: Sandbox, statement: string): Promise<string> {
  const file = await sandbox.file(
    "throws.cjs",
    `const { write } = process.stdout;
     process.stdout.write = function (...given) {
       process.stdout.write = write;
       setImmediate(() => { ${statement} });
       return write.apply(this, given);
     };`,
  );
  return `--require ${file}`;
}

/** A pull that waits for its Hub, while something is thrown behind its back. */
async function crashed(statement: string) {
  const sandbox = await makeSandbox();
  const hub = await startHub({ ...hosted, intercept: () => ({ delayMs: 600_000 }) });
  const catalog = await catalogOf(sandbox, "demo/voice");
  const args = ["pull", "--catalog", catalog, "--endpoint", hub.endpoint];
  return {
    sandbox,
    args,
    env: { NODE_OPTIONS: await thrownLater(sandbox, statement) },
    async [Symbol.asyncDispose]() {
      await hub.close();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

test.each([
  ["an exception", "throw new Error('out of nowhere')"],
  ["a rejection", "Promise.reject(new Error('out of nowhere'))"],
  ["no error at all", "throw 'out of nowhere'"],
  ["one after the other", "setImmediate(() => { throw 1 }); throw new Error('out of nowhere')"],
])("%s that nobody waits for ends in the closing record", async (_, statement) => {
  await using world = await crashed(statement);
  const { sandbox, args, env } = world;
  const run = await sandbox.run([...args, "--json"], { env });
  expect(failureOf(run)).toMatchObject({ code: "bug", exitCode: 1 });
  expect(failureOf(run).message).toContain("out of nowhere");
  expect(run.stderr).toBe("");
});

test.each(["plain", "accessible"])("%s says it too, and no stack of Node's", async (output) => {
  await using world = await crashed("throw new Error('out of nowhere')");
  const { sandbox, args, env } = world;
  const run = await sandbox.run([...args, "--output", output], { env });
  expect(run.exitCode).toBe(1);
  expect(run.stdout + run.stderr).toContain("out of nowhere");
  expect(run.stdout + run.stderr).not.toContain("Node.js v");
});

test("the live screen gives the terminal back, and says it", async () => {
  await using world = await crashed("throw new Error('out of nowhere')");
  const pty = openHeros(world.sandbox, world.args, { env: world.env });
  try {
    expect((await pty.exit).exitCode).toBe(1);
    expect(pty.everything()).toContain("out of nowhere");
    expect(pty.everything()).not.toContain("Node.js v");
  } finally {
    pty.close();
  }
});

test("a home folder that nobody knows is said, in JSON too", async () => {
  await using sandbox = await makeSandbox();
  // As the C library does for a user without an entry in /etc/passwd.
  const preload = await sandbox.file(
    "homeless.cjs",
    `require("node:os").userInfo = () => { throw new Error("uv_os_get_passwd returned ENOENT"); };`,
  );
  const env = { HOME: undefined, NODE_OPTIONS: `--require ${preload}` };
  for (const HOME of [undefined, "", "relative/home"]) {
    const run = await sandbox.run(["status", "--json"], { env: { ...env, HOME } });
    expect(failureOf(run)).toMatchObject({ code: "usage.no_home", exitCode: 2 });
  }
  const plain = await sandbox.run(["status"], { env });
  expect(plain).toMatchObject({ exitCode: 2, stdout: "" });
  expect(plain.stderr).not.toMatch(/^\s+at /mu);
});

test("a current folder that was deleted is said, in JSON too", async () => {
  await using sandbox = await makeSandbox();
  const cwd = path.join(sandbox.dir, "deleted");
  await mkdir(cwd);
  await sandbox.command("in-deleted", `cd ${cwd} && /bin/rmdir ${cwd} && exec "$@"`);
  const run = await sandbox.run(["status", "--json"], { within: "in-deleted" });
  expect(failureOf(run)).toMatchObject({ code: "usage.no_folder", exitCode: 2 });
});

test.each([
  ["together", ["SIGINT", "SIGINT"]],
  ["of two kinds", ["SIGINT", "SIGTERM"]],
] as const)(
  "a run that is told to stop twice, %s, still ends with its record",
  async (_, signals) => {
    await using sandbox = await makeSandbox();
    const catalog = await catalogOf(sandbox, "demo/voice");
    const hub = await startHub({ ...hosted, intercept: () => ({ delayMs: 600_000 }) });
    try {
      const args = ["pull", "--catalog", catalog, "--endpoint", hub.endpoint, "--json"];
      const run = await sandbox.run(args, {
        onOutput: (text, kill) => {
          if (text.includes("run.started")) for (const signal of signals) kill(signal);
        },
      });
      expect(run.exitCode).toBe(130);
      expect(run.events().filter(({ type }) => type.startsWith("run."))).toMatchObject([
        { type: "run.started" },
        { type: "run.cancelled", exitCode: 130 },
      ]);
    } finally {
      await hub.close();
    }
  },
);
