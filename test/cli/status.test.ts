import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StatusRead } from "../../src/run/events/reports.ts";
import { makeSandbox, type HerosRun, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

let sandbox: Sandbox;
let annie: Server;
let health: unknown;

beforeEach(async () => {
  sandbox = await makeSandbox();
  annie = createServer((_request, response) => {
    response.end(typeof health === "string" ? health : JSON.stringify(health));
  });
  await new Promise<void>((resolve) => annie.listen(0, "127.0.0.1", resolve));
  const { port } = annie.address() as AddressInfo;
  await sandbox.file("home/her-os/.env", `HER_OS_PORT=${port}\n`);
});

afterEach(async () => {
  annie.closeAllConnections();
  annie.close();
  await sandbox[Symbol.asyncDispose]();
});

function healthOf(status: string, capabilities: Readonly<Record<string, boolean>>) {
  return { status, checks: { models: { whisper: { status: "downloading" } } }, capabilities };
}

function readOf(run: HerosRun): StatusRead {
  const found = run.events().find((event) => event.type === "status.read");
  if (found === undefined) throw new Error(run.stdout + run.stderr);
  return found;
}

describe("heros status", () => {
  it("ends with 0 where Annie is online, and says what she can do and what is still to come", async () => {
    health = healthOf("healthy", { memory_search: true, voice_stt: false });
    const run = await sandbox.run(["status", "--json"]);
    expect(run.exitCode).toBe(0);
    expect(readOf(run)).toMatchObject({
      annie: "online",
      lacking: ["voice_stt"],
      tiers: [1, 2],
      loading: { whisper: { status: "downloading" } },
      models: [{ id: "qwen3-embedding-0.6b", state: "unknown" }, {}, {}],
    });
    const plain = await sandbox.run(["status"]);
    expect(plain.stdout).toMatch(
      /\[✓\] Annie is online at http:.*\n.*memory search\n.*speech-to-text/,
    );
  });

  it("says once how Annie is, in each writer", async () => {
    for (const output of ["plain", "accessible"]) {
      const run = await sandbox.run(["status", "--output", output, "--port", "9"]);
      expect(run.exitCode).toBe(1);
      expect(`${run.stdout}${run.stderr}`.match(/http:\/\/127\.0\.0\.1:9\b/g)).toHaveLength(1);
      expect(`${run.stdout}${run.stderr}`).toContain("annie.unreachable");
      expect(`${run.stdout}${run.stderr}`).toContain("heros setup");
    }
  });

  it("sends to another program on her port neither to her logs nor to setup", async () => {
    health = "<html>";
    for (const stack of ["none", "docker-compose.heros.yml"]) {
      await sandbox.file(`home/her-os/${stack}`, "services: {}\n");
      const run = await sandbox.run(["status", "--json"]);
      expect(failureOf(run)).toMatchObject({
        code: "annie.unreachable",
        hint: expect.stringContaining("ss -ltnp") as unknown,
      });
    }
  });

  it("says once that a setup in the background was cut short", async () => {
    const state = "home/.local/state/heros";
    const answers = { version: 1, finished: false, answers: { tiers: ["1"] } };
    await sandbox.file(`${state}/answers.json`, JSON.stringify(answers));
    const record = await sandbox.file("record", "");
    const gone = { pid: 4_194_304, startTicks: "1", bootId: "", command: "setup", argv: ["setup"] };
    await sandbox.file(
      `${state}/background.json`,
      JSON.stringify({ version: 1, ...gone, startedAt: "2026-11-20T10:00:00.000Z", record }),
    );
    health = healthOf("healthy", { memory_search: true });
    const read = readOf(await sandbox.run(["status", "--json"]));
    expect(read).toMatchObject({ interrupted: true, background: { state: "lost" } });
    const { stdout } = await sandbox.run(["status", "--output", "plain"]);
    expect(stdout.match(/heros setup/g)).toHaveLength(1);
  });

  it("takes the tiers of the last setup", async () => {
    health = healthOf("healthy", { memory_search: true });
    const answers = { version: 1, finished: false, answers: { tiers: ["1"] } };
    await sandbox.file("home/.local/state/heros/answers.json", JSON.stringify(answers));
    const run = await sandbox.run(["status", "--json"]);
    expect(readOf(run)).toMatchObject({ tiers: [1], lacking: [], interrupted: true });
  });

  it.each([
    ["calls herself degraded", healthOf("degraded", { memory_search: true }), 3, "annie.degraded"],
    ["lacks what tier 1 brings", healthOf("healthy", {}), 3, "annie.degraded"],
    ["is still starting", healthOf("starting", {}), 1, "annie.still_starting"],
    ["is somebody else", "<html>hello</html>", 1, "annie.unreachable"],
  ])("ends with another status where Annie %s", async (_how, answer, exitCode, code) => {
    health = answer;
    const run = await sandbox.run(["status", "--json"]);
    expect(failureOf(run)).toMatchObject({ code, exitCode });
  });

  it("ends with 1 where nobody answers, and says what to do", async () => {
    await new Promise((resolve) => annie.close(resolve));
    const run = await sandbox.run(["status", "--json"]);
    expect(failureOf(run)).toMatchObject({ code: "annie.unreachable", exitCode: 1 });
    expect(failureOf(run).hint).toContain("heros setup");
  });

  it("sends to heros up where she was set up and does not run, and to setup where that was interrupted", async () => {
    await new Promise((resolve) => annie.close(resolve));
    await sandbox.file("home/her-os/.env", "COMPOSE_FILE=a.yml:docker-compose.heros.yml\n");
    const run = await sandbox.run(["status", "--json", "--port", "9"]);
    expect(readOf(run).setUp).toBe(true);
    expect(failureOf(run).hint).toMatch(/^Start it: heros up\. Check the logs: /u);
    const answers = { version: 1, finished: false, answers: {} };
    await sandbox.file("home/.local/state/heros/answers.json", JSON.stringify(answers));
    const interrupted = await sandbox.run(["status", "--json", "--port", "9"]);
    expect(failureOf(interrupted).hint).toMatch(/^Start it: heros setup\. /u);
  });

  it("does not watch where nothing runs, and says so", async () => {
    await new Promise((resolve) => annie.close(resolve));
    const run = await sandbox.run(["status", "--watch"]);
    expect(run.exitCode).toBe(1);
    expect(run.stdout.match(/^Annie is not set up yet/gm)).toHaveLength(1);
    expect(run.stdout).toContain("Models of sets 1 and 2: 0 of 3 downloaded");
    expect(run.stdout).toContain("Nothing to watch: ");
    expect(run.stderr).toContain("heros setup");
  });

  it("watches until Ctrl-C, and tells what changed", async () => {
    health = healthOf("starting", {});
    let told = 0;
    const run = await sandbox.run(["status", "--watch", "--json"], {
      onOutput(text, kill) {
        if (!text.includes('"status.read"')) return;
        told += 1;
        if (told === 1) health = healthOf("healthy", { memory_search: true });
        else kill("SIGINT");
      },
    });
    expect(run.exitCode).toBe(130);
    const seen = run.events().flatMap((event) => (event.type === "status.read" ? [event] : []));
    expect(seen.map((event) => event.annie)).toEqual(["starting", "online"]);
    expect(run.events().at(-1)).toMatchObject({ type: "run.cancelled" });
  });
});
