import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import type { HerosEvent } from "../../src/run/event.ts";
import { type Hit, openWorld, repo, usual, type World } from "./matrix.ts";
import { expectNothingWrong, expectWhole } from "./matrix-checks.ts";
import { withRoomUntil } from "./full-disk.ts";
import { type Cell, crossOut } from "./matrix-table.ts";

/** What ends a run on this machine, when all but the rest of one answer is there. */
interface Row {
  readonly name: string;
  /** Runs heros and ends it; resolves when it is gone. */
  readonly run: (world: World, cell: Cell<Row>) => Promise<string>;
}

/** Calls `act` when everything is on disk that can be: all but the struck answer's rest. */
function whenAllElseIsHere(world: World, act: () => void) {
  let seen = 0;
  return (event: HerosEvent): void => {
    if (event.type !== "download.progress" || world.hits() === 0) return;
    const { spot, totalBytes } = world;
    const small = spot.sizeBytes < world.smallBytes;
    const expected = totalBytes - (small ? spot.sizeBytes : world.struckBytes());
    // The second time: the journal's line follows its bytes.
    if (event.receivedBytes >= expected && (seen += 1) === 2) act();
  };
}

const rows: readonly Row[] = [
  {
    name: "abort",
    async run(world) {
      const stop = new AbortController();
      const onEvent = whenAllElseIsHere(world, () => stop.abort());
      await expect(world.pull({ signal: stop.signal, onEvent })).rejects.toThrow(
        expect.objectContaining({ name: "AbortError" }),
      );
      return "aborted";
    },
  },
  {
    name: "kill -9",
    async run({ scene, ...world }) {
      const program = new URL("fixtures/pull-small.ts", import.meta.url).pathname;
      const tuning = JSON.stringify({ ...usual(10), idleMs: 200_000, progressMs: 100 });
      const child = spawn(
        process.execPath,
        [program, scene.served.endpoint, scene.folder, repo, tuning],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      const look = whenAllElseIsHere({ scene, ...world }, () => child.kill("SIGKILL"));
      createInterface({ input: child.stdout }).on("line", (line) => {
        const event = JSON.parse(line) as HerosEvent;
        world.see(event);
        look(event);
      });
      await expect(once(child, "exit")).resolves.toEqual([null, "SIGKILL"]);
      return "killed";
    },
  },
  {
    name: "disk full",
    async run(world, { moment }) {
      const host = withRoomUntil(world, moment);
      await expect(world.pull({ host })).rejects.toThrow(
        expect.objectContaining({ code: "disk.full", exitCode: 7 }),
      );
      return "exit 7 disk.full";
    },
  },
];
const { cells, pass } = crossOut(rows);

test.concurrent.each(cells)("$title: gone on with", async (cell) => {
  const { row, moment, amount } = cell;
  const full = row.name === "disk full";
  const strike = ({ before }: Hit) => (full ? undefined : { stallAfterBytes: before });
  await using world = await openWorld({ moment, amount, target: "any", strike });
  const ended = await row.run(world, cell);
  expect(world.hits(), "it was struck").toBeGreaterThan(0);
  await expectNothingWrong(world);

  world.heal();
  const receivedBytes = world.receivedBytes();
  const { totalBytes, cachedBytes, resumedBytes } = await world.pull();
  await expectWhole(world, amount);
  const { spot, smallBytes } = world;
  const needed = totalBytes - cachedBytes - resumedBytes;
  const again = world.receivedBytes() - receivedBytes - needed;
  const damaged = moment === "during verification" && row.name !== "disk full";
  expect(again, "of what was held").toBeLessThanOrEqual(damaged ? spot.sizeBytes : 0);
  const lost = needed - world.struckBytes();
  if (!full) expect(lost, "of what had come").toBeLessThanOrEqual(smallBytes);
  pass(cell, `${ended}, then the right bytes, ${again} of the held ones again`);
});
