import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ReleaseWorld } from "./release-world.ts";

let world: ReleaseWorld;
beforeEach(async () => {
  world = await ReleaseWorld.make();
});
afterEach(() => world.remove());

test("a roll-back swaps the two versions, and another one swaps them again", async () => {
  await world.install("1.0.0");
  await world.install("1.1.0");
  const { status, stdout } = await world.heros("upgrade", "--rollback");
  expect(status).toBe(0);
  expect(stdout).toContain("Went back from heros 1.1.0 to 1.0.0.");
  expect((await world.heros("--version")).stdout).toBe("1.0.0\n");
  expect(await world.link("previous")).toBe("versions/1.1.0");
  await world.heros("upgrade", "--rollback");
  expect((await world.heros("--version")).stdout).toBe("1.1.0\n");
});

test("without an earlier version, or with one that does not start, everything stays", async () => {
  await world.install("1.0.0");
  const none = await world.heros("upgrade", "--rollback", "--json");
  expect(none.status).toBe(1);
  expect(none.stdout).toContain('"code":"release.no_previous"');

  await world.install("1.1.0");
  await rm(join(world.data, "previous/app/bin"), { recursive: true });
  const broken = await world.heros("upgrade", "--rollback", "--json");
  expect(broken.status).toBe(1);
  expect(broken.stdout).toContain('"code":"release.broken"');
  expect((await world.heros("--version")).stdout).toBe("1.1.0\n");
});

test("a heros that is not installed has nothing to go back from", async () => {
  const heros = join(await world.unpack("1.0.0"), "bin/heros");
  const { status, stderr } = await world.run(heros, ["upgrade", "--rollback"]);
  expect(status).toBe(2);
  expect(stderr).toContain("runs from there and is not installed");
});
