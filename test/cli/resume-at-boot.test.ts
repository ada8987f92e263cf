import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { readUnit } from "../deploy/systemd/read-unit.ts";
import { freePort } from "../host/free-port.ts";
import { keys } from "../terminal/pty.ts";
import { seenRun } from "./background-scene.ts";
import { openHeros } from "./heros-pty.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { catalogOf } from "./wrong-input.ts";

const token = "hf_good_token_1234";
const modelBytes = 6_000_000;

let sandbox: Sandbox;
let hub: EmbeddedHub;
let annie: Server;
let port: number;
let unit: string;
let env: Record<string, string>;

beforeEach(async () => {
  sandbox = await makeSandbox();
  await sandbox.command(
    "docker",
    `case "$*" in *version*) echo 2.40.0;; info*) echo '{"ServerVersion":"29.0.0","DockerRootDir":"/var/lib/docker"}';; esac`,
  );
  const units = path.join(sandbox.home, ".config/systemd/user");
  unit = path.join(units, "heros-resume.service");
  const link = path.join(units, "default.target.wants/heros-resume.service");
  await sandbox.command(
    "systemctl",
    `echo "$*" >>"${sandbox.dir}/systemctl"
case "$*" in
  "--user enable "*) /bin/mkdir -p "${path.dirname(link)}" && /bin/ln -sf "${unit}" "${link}" ;;
  "--user disable "*) /bin/rm -f "${link}" ;;
esac`,
  );
  await sandbox.file("run/systemd/private", "");
  env = { XDG_RUNTIME_DIR: path.join(sandbox.dir, "run") };
  const files = [{ path: "model.safetensors", sizeBytes: modelBytes }];
  hub = await startHub({
    tokens: { [token]: "ann" },
    repos: [{ id: "demo/voice", access: "gated", readers: [token], files }],
    throttle: { bytesPerSecond: 400_000 },
  });
  port = await freePort();
  annie = createServer((_request, response) => {
    response.end(JSON.stringify({ status: "healthy", checks: {}, capabilities: {} }));
  });
});

afterEach(async () => {
  annie.close();
  await hub.close();
  await sandbox[Symbol.asyncDispose]();
});

/** The setup whose power fails once a third of its model is there. @returns what heros says of it until then */
async function interrupted(): Promise<readonly TimedEvent[]> {
  const catalog = await catalogOf(sandbox, "demo/voice");
  const tokenFile = await sandbox.file("token", token);
  const args = ["--catalog", path.relative(sandbox.dir, catalog), "--endpoint", hub.endpoint];
  const own = ["--port", String(port), "--resume-at-boot", "yes", "--token-file", tokenFile];
  const run = await sandbox.run(
    ["setup", "--yes", "--allow-unsupported", "--json", ...args, ...own],
    {
      env,
      onOutput(_text, kill) {
        if (hub.sentBytes() > modelBytes / 3) kill("SIGKILL");
      },
    },
  );
  expect(run.exitCode).toBeNull();
  return run.stdout
    .slice(0, run.stdout.lastIndexOf("\n"))
    .split("\n")
    .map((line) => JSON.parse(line) as TimedEvent);
}

/** What the unit starts, with no more than systemd gives it. */
async function afterReboot() {
  const { command, env: own } = readUnit(await readFile(unit, "utf8"));
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    cwd: "/",
    env: { HOME: sandbox.home, ...env, ...own },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (text: Buffer) => (output += text.toString()));
  child.stderr.on("data", (text: Buffer) => (output += text.toString()));
  const ended = once(child, "close").then(([exitCode]) => ({
    exitCode: exitCode as number,
    output,
  }));
  return { ended, kill: (signal: NodeJS.Signals) => child.kill(signal) };
}

/** False where heros looks at this very moment whether the port is free. */
function startsAnnie(): Promise<boolean> {
  return new Promise((resolve) => {
    annie.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
  });
}

test("after a power cut the unit's own command continues where the download stopped, and removes the unit once Annie is online", async () => {
  const events = await interrupted();
  expect(events.flatMap((event) => (event.type === "file.written" ? [event.path] : []))).toContain(
    unit,
  );
  const before = hub.sentBytes();
  // What was on the shell's mind then is gone, and the file of the token with it: the token was saved.
  await rm(path.join(sandbox.dir, "token"));

  const run = await afterReboot();
  await expect.poll(async () => (await seenRun(sandbox))?.state).toBe("running");
  hub.setThrottle({});
  await expect.poll(startsAnnie).toBe(true);
  const { exitCode, output } = await run.ended;
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  expect(output).toContain("Annie is online");
  // What was on its way when the power failed may come again; not what was written by then.
  expect(hub.sentBytes()).toBeLessThan(modelBytes + before);
  expect((await seenRun(sandbox))?.closing?.type).toBe("run.succeeded");
  expect(await readdir(sandbox.home, { recursive: true })).not.toContainEqual(
    expect.stringContaining("heros-resume"),
  );
  expect((await readFile(path.join(sandbox.dir, "systemctl"), "utf8")).split("\n")).toEqual([
    "--user enable heros-resume.service",
    "--user disable heros-resume.service",
    "--user daemon-reload",
    "",
  ]);
  expect(output).not.toContain(token);
});

test("what runs after a reboot waits for Docker, and ends when it is stopped", async () => {
  await interrupted();
  await rm(path.join(sandbox.dir, "bin/docker"));
  const run = await afterReboot();
  await expect.poll(async () => (await seenRun(sandbox))?.state).toBe("running");
  run.kill("SIGTERM");
  const { exitCode, output } = await run.ended;
  expect({ exitCode, output }).toMatchObject({ exitCode: 130 });
  expect(await readFile(unit, "utf8")).toContain("SuccessExitStatus=130\n");
});

test("heros alone says that a setup did not finish; in a terminal it offers to continue", async () => {
  const fresh = await sandbox.run([]);
  expect(fresh.stdout).toMatch(/^Usage: heros /);
  await interrupted();
  const run = await sandbox.run([]);
  expect(run.exitCode).toBe(0);
  const catalog = path.join(sandbox.dir, "catalog.yaml");
  const flags = `--endpoint ${hub.endpoint} --catalog ${catalog} --port ${port}`;
  expect(run.stdout).toMatch(
    new RegExp(
      `^An earlier setup did not finish\\. To continue it: heros setup ${flags}\n\nUsage: heros `,
    ),
  );
  const status = await sandbox.run(["status"]);
  expect(status.stdout).toContain(
    "An earlier setup did not finish. Run heros setup to continue it.",
  );
  const pty = openHeros(sandbox, [], { rows: 40 });
  // With its catalog, its Hub and its port.
  await pty.waitFor("Continue where you left off?");
  pty.type(keys.ctrlC);
  await pty.exit;
  pty.close();
});
