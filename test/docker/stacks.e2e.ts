import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../host/free-port.ts";
import { docker, ofType, runHeros } from "./run-heros.ts";
import { openScene } from "./scene.ts";

/** A stack of somebody else's, which runs. */
async function openOther(compose: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-other-"));
  await writeFile(path.join(folder, "compose.yml"), compose);
  onTestFinished(async () => {
    await docker(["compose", "down", "--volumes", "--timeout", "1"], folder);
    await rm(folder, { recursive: true });
  });
  await docker(["compose", "up", "-d"], folder);
  return folder;
}

test("what another stack has is told in one report, before anything is written or fetched", async () => {
  const port = await freePort();
  const [name, volume] = [`heros-clash-${port}`, `heros-clash-data-${port}`];
  const other = await openOther(`services:
  store:
    image: redis:7.4.5-bookworm
    container_name: ${name}
    ports: ["127.0.0.1:${port}:6379"]
    volumes: [data:/data]
volumes:
  data: {name: ${volume}}
`);
  const scene = await openScene({
    change: (base) =>
      base
        .replace("  redis:\n", `  redis:\n    container_name: ${name}\n`)
        .replace("  redis-data:\n", `  redis-data: {name: ${volume}}\n`),
  });
  const before = await scene.files();
  const stack = `of the stack ${path.basename(other).toLowerCase()} in ${other}`;
  const refused = await scene.setup([`--port=${port}`]);
  expect(refused.events.at(-1)).toMatchObject({
    code: "stack.clashes",
    exitCode: 4,
    message: `3 things that this stack needs are taken on this machine:
  container name ${name} is used by the container ${name} ${stack}
  port ${port} is in use by the container ${name} ${stack}
  volume ${volume} belongs to the stack ${path.basename(other).toLowerCase()} in ${other}`,
  });
  expect(scene.hub.sentBytes()).toBe(0);
  const dry = await scene.setup([`--port=${port}`, "--dry-run"]);
  expect(dry.exitCode).toBe(0);
  expect(ofType(dry, "notice").map(({ code }) => code)).toContain("stack.clashes");
  await docker(["compose", "stop", "--timeout", "1"], other);
  const stopped = await scene.setup([`--port=${port}`]);
  expect(stopped.events.at(-1)).toMatchObject({
    code: "stack.clashes",
    message: expect.stringMatching(
      /^2 things.*\n.*by the stopped container.*\n.*volume/u,
    ) as string,
  });
  expect(await scene.files()).toEqual(before);
});

test("a setup that nobody told a port takes a free one where another stack has hers, and keeps it", async () => {
  const port = await freePort();
  await openOther(`services:
  web:
    image: redis:7.4.5-bookworm
    ports: ["127.0.0.1:${port}:6379"]
`);
  const scene = await openScene({
    change: (base) => base.replace("HER_OS_PORT:-8000", `HER_OS_PORT:-${port}`),
  });
  const first = await scene.setup(["--tiers=1"]);
  expect(first.exitCode).toBe(0);
  const [plan] = ofType(first, "plan.ready");
  const other = plan?.otherPort?.port ?? 0;
  expect(plan?.otherPort).toMatchObject({ instead: port });
  expect(ofType(first, "annie.online")).toMatchObject([{ url: `http://127.0.0.1:${other}` }]);
  const env = await readFile(path.join(scene.stackDir, ".env"), "utf8");
  expect(env).toContain(`HER_OS_PORT=${other}\n`);
  const second = await scene.setup(["--tiers=1"]);
  expect(ofType(second, "annie.online")).toMatchObject([{ url: `http://127.0.0.1:${other}` }]);
  expect(ofType(second, "plan.ready")[0]?.files.map(({ action }) => action)).not.toContain(
    "updated",
  );
  const status = await scene.start("status").ended;
  expect(ofType(status, "status.read")).toMatchObject([{ url: `http://127.0.0.1:${other}` }]);
});

test("two stacks side by side are both listed, each with its own answers, and --stack chooses", async () => {
  const home = await mkdtemp(path.join(tmpdir(), "heros-home-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const scenes = [await openScene({ home }), await openScene({ home })] as const;
  const ports = [await freePort(), await freePort()];
  for (const [index, tiers] of ["1", "1,2"].entries()) {
    const flags = [`--port=${ports[index]}`, `--tiers=${tiers}`];
    expect((await scenes[index]?.setup(flags))?.exitCode).toBe(0);
  }
  const [one, other] = scenes;
  const heros = (...args: string[]) => runHeros([...args, "--output=json"], one.env);
  const both = ofType(await heros("status"), "status.read");
  expect(new Map(both.map(({ stackDir, tiers }) => [stackDir, tiers]))).toEqual(
    new Map([
      [one.stackDir, [1]],
      [other.stackDir, [1, 2]],
    ]),
  );
  expect((await heros("down")).events.at(-1)).toMatchObject({
    code: "stack.ambiguous",
    exitCode: 2,
  });
  expect((await heros("down", "--stack", path.basename(other.stackDir))).exitCode).toBe(0);
  const after = await heros("status");
  expect(after.exitCode).toBe(1);
  const states = ofType(after, "status.read").map(({ stackDir, annie }) => [stackDir, annie]);
  expect(new Map(states as [string, string][])).toEqual(
    new Map([
      [one.stackDir, "online"],
      [other.stackDir, "absent"],
    ]),
  );
});
