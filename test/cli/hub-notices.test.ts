import { expect, test } from "vitest";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { freePort } from "../host/free-port.ts";
import { makeSandbox, type HerosRun } from "./sandbox.ts";
import { catalogOf, hosted } from "./wrong-input.ts";

/** Nothing listens there. */
const dead = "http://127.0.0.1:9";

function of<Type extends TimedEvent["type"]>(run: HerosRun, type: Type) {
  return run
    .events()
    .filter((event): event is Extract<TimedEvent, { type: Type }> => event.type === type);
}

test("where the first address is dead, a mirror serves pull, models and doctor, and is told", async () => {
  await using sandbox = await makeSandbox();
  const mirror = await startHub(hosted);
  try {
    const catalog = await catalogOf(sandbox, "demo/voice");
    const heros = (...args: string[]) =>
      sandbox.run([...args, "--endpoint", dead, "--endpoint", mirror.endpoint, "--json"]);
    const models = ["--catalog", catalog, "--cache-dir", `${sandbox.dir}/cache`];

    const pulled = await heros("pull", ...models);
    expect(pulled.exitCode).toBe(0);
    expect(of(pulled, "notice").map(({ code, message }) => [code, message])).toEqual([
      [
        "hub.mirror",
        `Can't reach the Hub at ${dead}: connection refused. Continuing with ${mirror.endpoint}.`,
      ],
    ]);

    const listed = await heros("models", "ls", ...models);
    expect(of(listed, "models.listed")[0]?.models[0]).toMatchObject({ state: "here" });
    expect(of(listed, "notice").map(({ code }) => code)).toEqual(["hub.mirror"]);

    // With nothing cached, so that the Hub matters.
    const asked = ["doctor", "--catalog", catalog, "--cache-dir", `${sandbox.dir}/empty`];
    const told = await heros(...asked, "--stack-dir", sandbox.dir);
    const check = of(told, "check.finished").find(({ id }) => id === "hub");
    expect(check).toMatchObject({ status: "warning" });
    expect(check?.found).toContain(`downloading from ${mirror.endpoint} instead`);
  } finally {
    await mirror.close();
  }
});

test("a long wait for the list of files is told, and waited for", async () => {
  await using sandbox = await makeSandbox();
  let left = 1;
  const busy = { answer: { status: 429, headers: { "Retry-After": "2" } } };
  const hub = await startHub({
    ...hosted,
    intercept: ({ file }) => (file === null && (left -= 1) >= 0 ? busy : undefined),
  });
  try {
    const catalog = await catalogOf(sandbox, "demo/voice");
    const where = ["--catalog", catalog, "--cache-dir", `${sandbox.dir}/cache`];
    const run = await sandbox.run(["pull", ...where, "--endpoint", hub.endpoint, "--json"]);
    expect(run.exitCode).toBe(0);
    expect(of(run, "hub.waiting")).toMatchObject([{ attempt: 1, delayMs: 2000 }]);
  } finally {
    await hub.close();
  }
});

test("a Hub that is down at the start is waited for, and the wait can be stopped", async () => {
  await using sandbox = await makeSandbox();
  const catalog = await catalogOf(sandbox, "demo/voice");
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const where = ["--catalog", catalog, "--cache-dir", `${sandbox.dir}/cache`];
  const pull = ["pull", ...where, "--endpoint", endpoint, "--json"];

  const stopped = await sandbox.run(pull, {
    onOutput: (text, kill) => {
      if (text.includes("hub.waiting")) kill("SIGINT");
    },
  });
  expect(stopped.exitCode).toBe(130);
  expect(of(stopped, "hub.waiting")[0]?.leftMs).toBeGreaterThan(9 * 60_000);

  let started: Promise<EmbeddedHub> | null = null;
  const run = await sandbox.run(pull, {
    onOutput: (text) => {
      if (text.includes("hub.waiting")) started ??= startHub({ ...hosted, port });
    },
  });
  const hub = await (started as Promise<EmbeddedHub> | null);
  await hub?.close();
  expect(run.exitCode).toBe(0);
  expect(of(run, "model.ready")).toHaveLength(1);
});
