// An upgrade that something else stops: a disk without room, a signal, another upgrade.
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { mountMemory, remount } from "../host/mounted.ts";
import { answer, type ReleaseServer, startReleaseServer } from "./release-server.ts";
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

test("a disk that fills up while it unpacks stops the upgrade, which goes on once there is room", async ({
  skip,
}) => {
  const share = join(world.home, ".local/share");
  await mkdir(share, { recursive: true });
  if (!(await mountMemory(share, "size=100m"))) skip();
  await world.install("1.0.0", { files: server.files });
  // It packs so well that nobody can know.
  const notes = " ".repeat(120_000_000);
  await server.publish("1.1.0", [latest], { files: { "app/notes": notes } });
  const { status, code } = await world.upgrade();
  expect({ status, code }).toEqual({ status: 7, code: "disk.full" });
  await expectUntouched(world);
  expect(await nothingUnpacked()).toBe(true);
  await remount(share, "size=256m");
  const before = server.asked.length;
  expect(await world.upgrade()).toMatchObject({ status: 0, code: "run.succeeded" });
  expect(server.asked.slice(before).filter(isDownload)).toEqual([]);
  expect((await world.heros("--version")).stdout).toBe("1.1.0\n");
});

/** A part of a tarball; its first byte alone tells the size. */
function isDownload(line: string): boolean {
  return line.includes(".tar.") && !line.endsWith(" bytes=0-0");
}

async function nothingUnpacked(): Promise<boolean> {
  return !(await world.homeFiles()).some((file) => file.endsWith("/unpacked"));
}

test.each([
  ["SIGKILL", null],
  ["SIGINT", 130],
] as const)("after %s in the download it resumes where it was", async (signal, expected) => {
  await world.install("1.0.0", { files: server.files });
  const name = await server.publish("1.1.0", [latest]);
  const path = `${latest}/${name}`;
  const size = server.content.get(path)?.length ?? 0;
  server.faults.set(path, (request, response, bytes) => {
    if (request.headers.range === "bytes=0-0") return answer(request, response, bytes);
    const [, from = "0"] = /bytes=(\d+)-/.exec(request.headers.range ?? "") ?? [];
    // The first half of the file comes, and then nothing.
    const start = Number(from);
    const end = Number(/-(\d+)$/.exec(request.headers.range ?? "")?.[1] ?? size - 1) + 1;
    const range = `bytes ${start}-${end - 1}/${size}`;
    response.writeHead(206, { "content-length": end - start, "content-range": range });
    response.write(bytes.subarray(start, Math.max(start, Math.min(end, size / 2))));
  });
  const half = Promise.withResolvers<void>();
  const { child, ended } = world.start(world.launcher, ["upgrade", "--json"]);
  child.stdout.on("data", (text: string) => {
    const received = [...text.matchAll(/"receivedBytes":(\d+)/g)].map(([, bytes]) => Number(bytes));
    if (received.some((bytes) => bytes > size / 4)) half.resolve();
  });
  await half.promise;
  child.kill(signal);
  const { status, stdout } = await ended;
  expect(status).toBe(expected);
  if (signal === "SIGINT") {
    expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
      type: "run.cancelled",
      hint: "What is downloaded is kept. Run the same command again to continue.",
    });
  }
  await expectUntouched(world);
  server.faults.clear();
  const before = server.asked.length;
  expect(await world.upgrade()).toMatchObject({ status: 0, code: "run.succeeded" });
  const ranges = server.asked.slice(before).flatMap((line) => {
    const [, start, end] = /\.tar\.xz bytes=(\d+)-(\d+)$/.exec(line) ?? [];
    return start === undefined || end === "0" ? [] : [Number(end) - Number(start) + 1];
  });
  expect(ranges.length).toBeGreaterThan(0);
  expect(ranges.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(size);
});

test("Ctrl-C while the new version installs itself switches nothing and leaves nothing running", async () => {
  await world.install("1.0.0", { files: server.files });
  const pidFile = join(world.root, "pid");
  const said = JSON.stringify({ type: "notice", level: "info", code: "x", message: "installing" });
  const waits = `case "$*" in *install*) echo $$ >'${pidFile}'; echo '${said}'; exec sleep 600 ;; esac`;
  const runtime = `${waits}\nexec '${process.execPath}' "$@"`;
  await server.publish("1.1.0", [latest], { runtime });
  const { child, ended } = world.start(world.launcher, ["upgrade"]);
  const installing = Promise.withResolvers<void>();
  child.stdout.on("data", (text: string) => {
    if (/^installing$/m.test(text)) installing.resolve();
  });
  await installing.promise;
  child.kill("SIGINT");
  const { status, stdout } = await ended;
  expect(status).toBe(130);
  expect(stdout).toContain("What is downloaded is kept. Run the same command again to continue.");
  const pid = Number(await readFile(pidFile, "utf8"));
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  await expectUntouched(world);
  expect(await nothingUnpacked()).toBe(true);
});

test("of two upgrades at once, one waits for the other, and finds nothing left to do", async () => {
  await world.install("1.0.0", { files: server.files });
  const name = await server.publish("1.1.0", [latest]);
  const waiting = Promise.withResolvers<void>();
  server.faults.set(`${latest}/${name}`, (request, response, bytes) => {
    void waiting.promise.then(() => answer(request, response, bytes));
  });
  const runs = [1, 2].map(() => world.start(world.launcher, ["upgrade", "--json"]));
  for (const { child } of runs) {
    child.stdout.on("data", (text: string) => {
      if (text.includes('"release.waiting"')) waiting.resolve();
    });
  }
  const both = await Promise.all(runs.map(({ ended }) => ended));
  expect(both.map(({ status }) => status)).toEqual([0, 0]);
  const summaries = both.map(({ stdout }) => /"summary":\["(.*?)"/.exec(stdout)?.[1]);
  expect(new Set(summaries)).toEqual(
    new Set(["Upgraded heros 1.0.0 to 1.1.0.", "heros 1.1.0 is already installed."]),
  );
  // Only one has asked for the tarball.
  expect(server.asked.filter((line) => line.endsWith(".tar.xz bytes=0-0")).length).toBe(1);
  expect(await world.versions()).toEqual(["1.0.0", "1.1.0"]);
});
