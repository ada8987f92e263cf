import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { mkdir, readdir, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type HerosRun, makeSandbox, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

let sandbox: Sandbox;
let annie: Server;
let port: number;

beforeEach(async () => {
  sandbox = await makeSandbox();
  annie = createServer((_request, response) => {
    response.end(JSON.stringify({ status: "healthy", capabilities: { memory_search: true } }));
  }).listen(0, "127.0.0.1");
  await once(annie, "listening");
  ({ port } = annie.address() as AddressInfo);
});

afterEach(async () => {
  annie.closeAllConnections();
  annie.close();
  await sandbox[Symbol.asyncDispose]();
});

/** A stack that was set up with these tiers. @returns its folder */
async function setUp(
  name: string,
  at: number,
  tiers: readonly string[],
  given: Readonly<Record<string, string>> = {},
): Promise<string> {
  const stackDir = path.join(sandbox.dir, name);
  await sandbox.file(`${name}/docker-compose.heros.yml`, "services: {}\n");
  await sandbox.file(`${name}/.env`, `HER_OS_PORT=${at}\n`);
  const kept = { version: 1, stackDir, finished: true, cacheDir: null, given, answers: { tiers } };
  await sandbox.file(
    `home/.local/state/heros/stacks/${encodeURIComponent(stackDir).slice(-200)}.json`,
    JSON.stringify(kept),
  );
  return stackDir;
}

const readOf = (run: HerosRun) =>
  run.events().flatMap((event) => (event.type === "status.read" ? [event] : []));

it("status tells of every stack with its own answers, and ends as the worst of them", async () => {
  const [first, second] = [await setUp("a/one", port, ["1"]), await setUp("b/two", 9, ["1", "2"])];
  const run = await sandbox.run(["status", "--json"]);
  expect(readOf(run)).toMatchObject([
    { stackDir: first, annie: "online", tiers: [1], stacks: 2 },
    { stackDir: second, annie: "absent", tiers: [1, 2], stacks: 2 },
  ]);
  expect(failureOf(run)).toMatchObject({
    code: "annie.unreachable",
    exitCode: 1,
    message: expect.stringContaining(`${second}: `) as unknown,
  });
  const plain = await sandbox.run(["status"]);
  expect(plain.stdout).toContain(`${first}: Annie is online`);
});

it("a stack is called what its own catalog calls it, by status, doctor and the others", async () => {
  await setUp("a/one", 9, ["1"], { catalog: "open-webui" });
  for (const args of [["status"], ["doctor", "port"], ["open"], ["down"]]) {
    const { stdout, stderr } = await sandbox.run(args);
    expect(stdout + stderr, args.join(" ")).not.toMatch(/Annie|her-os/u);
  }
  expect((await sandbox.run(["status"])).stdout).toContain("Open WebUI is not answering");
});

it("--stack chooses one by its folder or its name, and status tells of that alone as of the only one", async () => {
  const [first] = [await setUp("a/one", port, ["1"]), await setUp("b/two", 9, ["1"])];
  for (const name of ["one", first, "a/one"]) {
    const run = await sandbox.run(["status", "--json", "--stack", name]);
    expect(run.exitCode).toBe(0);
    expect(readOf(run)).toMatchObject([{ stackDir: first, annie: "online" }]);
    expect(readOf(run)[0]).not.toHaveProperty("stacks");
  }
});

it("an unknown name, one of two, and no name where there are several are answered with those there are", async () => {
  const stacks = [await setUp("a/one", port, ["1"]), await setUp("b/one", 9, ["1"])];
  for (const [args, code] of [
    [["status", "--stack", "three"], "stack.unknown"],
    [["down", "--stack", "one"], "stack.unknown"],
    [["down"], "stack.ambiguous"],
  ] as const) {
    const told = failureOf(await sandbox.run([...args, "--json"]));
    expect(told).toMatchObject({ code, exitCode: 2 });
    for (const stack of stacks) expect(told.hint).toContain(`--stack ${stack}`);
  }
});

it("one whose folder was deleted is said once, and then no longer known", async () => {
  const gone = await setUp("a/one", 9, ["1"]);
  await setUp("b/two", port, ["1"]);
  await rm(gone, { recursive: true });
  const codes = (run: HerosRun) =>
    run.events().flatMap((event) => (event.type === "notice" ? [event.code] : []));
  const first = await sandbox.run(["status", "--json"]);
  expect(first.exitCode).toBe(0);
  expect(codes(first)).toEqual(["stack.gone"]);
  expect(codes(await sandbox.run(["status", "--json"]))).toEqual([]);
  const state = path.join(sandbox.home, ".local/state/heros/stacks");
  expect(await readdir(state)).toHaveLength(1);
});

it("a stack of before the list is found at the usual place, and the only one is meant without a name", async () => {
  await mkdir(path.join(sandbox.home, "her-os"));
  await sandbox.file("home/her-os/docker-compose.heros.yml", "services: {}\n");
  await sandbox.file("home/her-os/.env", `HER_OS_PORT=${port}\n`);
  const usual = await sandbox.run(["status", "--json"]);
  expect(readOf(usual)).toMatchObject([{ stackDir: path.join(sandbox.home, "her-os") }]);
  await rm(path.join(sandbox.home, "her-os"), { recursive: true });
  const other = await setUp("a/one", port, ["1"]);
  expect(readOf(await sandbox.run(["status", "--json"]))).toMatchObject([{ stackDir: other }]);
  expect(await sandbox.run(["open"])).toMatchObject({ exitCode: 0 });
});
