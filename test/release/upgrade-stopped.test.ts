// An upgrade that something else stops: a disk without room, a signal, another upgrade.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { mountMemory } from "../host/mounted.ts";
import { type ReleaseServer, startReleaseServer } from "./release-server.ts";
import { expectUntouched, ReleaseWorld } from "./release-world.ts";

let world: ReleaseWorld;
let server: ReleaseServer;
beforeEach(async () => {
  world = await ReleaseWorld.make();
  server = await startReleaseServer(world);
  // After what a test mounts in it is gone.
  onTestFinished(async () => {
    await server.close();
    await world.remove();
  });
});

const latest = "latest/download";

test("a disk on which the upgrade does not fit is told before the download", async ({ skip }) => {
  await mkdir(join(world.home, ".local/share"), { recursive: true });
  if (!(await mountMemory(join(world.home, ".local/share"), "size=64m"))) skip();
  await world.install("1.0.0", { files: server.files });
  const name = await server.publish("1.1.0", [latest]);
  server.faults.set(`${latest}/${name}`, (_request, response) => {
    response.writeHead(206, { "content-range": "bytes 0-0/100000000" }).end("x");
  });
  const { status, code, events } = await world.upgrade();
  expect({ status, code }).toEqual({ status: 7, code: "disk.too_small" });
  expect(events.at(-1)).toContain("the upgrade needs 664 MB");
  const asked = server.asked.filter((line) => line.includes(".tar."));
  expect(asked).toEqual([`${latest}/${name} bytes=0-0`]);
  await expectUntouched(world);
});
