import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { startReleaseServer } from "./release-server.ts";
import { ReleaseWorld } from "./release-world.ts";

/** In [0, 1), the same in every run: mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

let world: ReleaseWorld;
beforeEach(async () => {
  world = await ReleaseWorld.make();
});
afterEach(() => world.remove());

const limitMs = 25_000;

test("kill -9 at any moment of an installation, an upgrade or a roll-back leaves a heros that answers", async () => {
  const random = seeded(11);
  const server = await startReleaseServer(world);
  onTestFinished(() => server.close());
  const { files } = server;
  // Newer than all that are installed here.
  await server.publish("1.0.99", ["latest/download"]);
  const began = performance.now();
  await world.install("1.0.0", { files });
  await world.install("1.0.1", { files });
  // As long as one takes where nobody kills it.
  const tookMs = performance.now() - began;
  const programOf = async (round: number): Promise<[string, string[]]> => {
    if (round % 3 === 0) return [world.launcher, ["upgrade", "--rollback"]];
    if (round % 3 === 1) return [world.launcher, ["upgrade"]];
    const tree = await world.unpack(`1.0.${round}`, { files });
    return [join(tree, "bin/heros"), ["release", "install"]];
  };
  const outcomes = { killed: 0, ended: 0 };
  for (let round = 2; round < 52 && performance.now() - began < limitMs; round += 1) {
    const [file, args] = await programOf(round);
    const { child, ended } = world.start(file, args);
    const timer = setTimeout(() => child.kill("SIGKILL"), random() * (tookMs / 2));
    const { status } = await ended;
    clearTimeout(timer);
    outcomes[status === null ? "killed" : "ended"] += 1;
    const { status: answered, stdout } = await world.heros("--version");
    expect({ round, answered, stdout: stdout.replace(/\d+\n$/, "") }).toEqual({
      round,
      answered: 0,
      stdout: "1.0.",
    });
  }
  expect(outcomes.killed).toBeGreaterThan(0);
  // What was left does not stand in the way.
  expect(await world.install("2.0.0")).toMatchObject({ status: 0, stderr: "" });
  expect((await world.heros("--version")).stdout).toBe("2.0.0\n");
  expect((await world.heros("upgrade", "--rollback")).status).toBe(0);
  expect((await world.versions()).length).toBe(2);
});
