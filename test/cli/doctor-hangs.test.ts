import { afterEach, beforeEach, expect, it } from "vitest";
import { freePort } from "../host/free-port.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox[Symbol.asyncDispose]());

it("heros doctor ends in one and a half times the limit of a question where every tool hangs", async () => {
  for (const tool of ["docker", "nvidia-smi", "lsblk", "ss", "id", "getent"]) {
    await sandbox.command(tool, "exec /bin/sleep 3600");
  }
  await sandbox.file("home/her-os/docker-compose.heros.yml", "services: {}\n");
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const run = await sandbox.run(["doctor", "--endpoint", endpoint, "--json"]);
  const events = run.events();
  const checks = events.flatMap((event) => (event.type === "check.finished" ? [event] : []));
  const docker = checks.find(({ id }) => id === "docker.engine")?.found ?? "";
  // 4 s, and more on a machine that is busy.
  const limitMs = Number(/within ([\d.]+) s$/u.exec(docker)?.[1]) * 1000;
  expect(limitMs).toBeGreaterThan(3000);
  const begunAt = events.find(({ type }) => type === "check.started")?.at ?? 0;
  expect((events.at(-1)?.at ?? 0) - begunAt).toBeLessThanOrEqual(1.5 * limitMs);
  // Those that need no tool are as good as ever.
  for (const id of ["cpu", "memory", "port"]) {
    expect(checks.find((check) => check.id === id)?.status).toBe("ok");
  }
  expect(failureOf(run).exitCode).toBe(4);
});
