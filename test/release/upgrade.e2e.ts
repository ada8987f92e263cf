/**
 * An upgrade with real artefacts: this release and the next one, by scripts/release, with Node in them; a home without Node and
 * npm; a wizard's answers, a stack and a download in the background. `.ci/upgrade-e2e.sh` runs it.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { freePort } from "../host/free-port.ts";
import { keys, openPty, type Pty } from "../terminal/pty.ts";
import { asUser, makeHome, makePaths } from "./ordinary-user.ts";
import { type RealReleases, serveReleases } from "./real-releases.ts";

const next = "9.1.0";
const afterNext = "9.2.0";
const slow = { bytesPerSecond: 50_000 };

let folder: string;
let home: string;
let releases: RealReleases;
let hub: EmbeddedHub;
let annie: Server;
let port: number;
/** Ends with the heros of another home, whose next version hangs. */
let hanging: Promise<Ended>;
/** The run that is left in the background. */
let left: { readonly pid: number; readonly record: string };
const inBackground: number[] = [];

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heros-upgrade-e2e-"));
  await chmod(folder, 0o755);
  home = await makeHome(folder, "home");
  await makePaths(folder);
  tell("Making two releases, and what comes after them.");
  const changelog = `# Changes\n\n## ${next}\n\n- It says what changes.\n`;
  releases = await serveReleases(join(folder, "releases"), { version: next, changelog });
  await releases.remake(afterNext, next);
  const models = ["demo/voice", "demo/memory"];
  const files = [{ path: "model.safetensors", sizeBytes: 40_000_000 }];
  hub = await startHub({ repos: models.map((id) => ({ id, files })), throttle: slow });
  annie = createServer((_request, response) => {
    response.end(JSON.stringify({ status: "healthy", checks: {}, capabilities: {} }));
  });
  port = await freePort();
});

afterAll(async () => {
  // Where a test failed, what it left in the background may still run.
  for (const pid of inBackground) {
    const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (words.includes("--in-background")) process.kill(pid, "SIGKILL");
  }
  annie.close();
  await hub.close();
  await releases.close();
  await rm(folder, { recursive: true, force: true });
});

/** Shown as it happens: what this does, and what heros says. */
function tell(text: string): void {
  process.stdout.write(`${text.trimEnd().replaceAll(/^/gmu, "        ")}\n`);
}

interface Where {
  readonly inHome?: string;
  readonly withoutXz?: boolean;
}

function environment({ inHome = home, withoutXz = false }: Where): Record<string, string> {
  const path = `${inHome}/.local/bin:${join(folder, withoutXz ? "bin-without-xz" : "bin")}`;
  return { HOME: inHome, PATH: path, LANG: "C.UTF-8", SHELL: "/bin/bash" };
}

async function run(command: readonly string[], where: Where = {}): Promise<Ended> {
  tell(`$ ${command.join(" ")}`);
  const [program, ...args] = asUser(command);
  const child = spawn(program, args, {
    env: environment(where),
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  await once(child, "close");
  tell(output.startsWith("{") ? namesOf(eventsIn(output)) : output);
  return { status: child.exitCode, output };
}

const heros = (...args: readonly string[]): Promise<Ended> => run(["heros", ...args]);

function eventsIn(output: string): TimedEvent[] {
  const lines = output.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as TimedEvent);
}

/** Each kind of event once, in the order in which they came. */
function namesOf(events: readonly TimedEvent[]): string {
  return [...new Set(events.map(({ type }) => type))].join(" ");
}

const data = (): string => join(home, ".local/share/heros");
const versions = async (): Promise<string[]> =>
  (await readdir(join(data(), "versions"))).toSorted((one, other) => (one < other ? -1 : 1));

/** Every file below the home but for the program's own, records, and locks, with its hash. */
async function userFiles(): Promise<Readonly<Record<string, string>>> {
  const own = /\/\.local\/(?:share|bin)|\/heros\/logs$|\/\.locks/u;
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  // Which run is in the background is forgotten with the next one.
  const files = entries.filter(
    (entry) => entry.isFile() && !own.test(entry.parentPath) && entry.name !== "background.json",
  );
  const hashed = await Promise.all(
    files.map(async ({ parentPath, name }) => {
      const path = join(parentPath, name);
      const hash = createHash("sha256").update(await readFile(path));
      return [path.slice(home.length + 1), hash.digest("hex")] as const;
    }),
  );
  return Object.fromEntries(hashed);
}

/** Of those, what a person set up: answers and the stack. */
async function setUpFiles(): Promise<Readonly<Record<string, string>>> {
  const all = Object.entries(await userFiles());
  return Object.fromEntries(all.filter(([path]) => /^her-os\/|answers\.json$/u.test(path)));
}

async function open(args: readonly string[]): Promise<Pty> {
  tell(`$ heros ${args.join(" ")}`);
  const [command, ...own] = asUser(["heros", ...args]);
  const pty = openPty({ command, args: own, cwd: "/", rows: 40, env: environment({}) });
  onTestFinished(() => pty.close());
  return pty;
}

/** Leaves what runs there in the background. */
async function leave(pty: Pty): Promise<typeof left> {
  await pty.waitFor("b: background");
  pty.type("b");
  expect((await pty.exit).exitCode).toBe(0);
  tell(pty.text());
  const text = await readFile(join(home, ".local/state/heros/background.json"), "utf8");
  const leftRun = JSON.parse(text) as typeof left;
  inBackground.push(leftRun.pid);
  return leftRun;
}

async function isDownloading({ pid, record }: typeof left): Promise<boolean> {
  const { status } = await run(["kill", "-0", String(pid)]);
  return status === 0 && !/"type":"run\.(?!started)/u.test(await readFile(record, "utf8"));
}

const where = (): string[] => {
  const catalog = join(folder, "catalog.yaml");
  return ["--catalog", catalog, "--endpoint", hub.endpoint, "--port", String(port)];
};

test("curl … | sh installs this release in an empty home without Node and npm", async () => {
  await releases.offer(releases.version);
  const catalog = ["voice", "memory"].map(
    (id, index) => `  - {id: ${id}, repo: demo/${id}, revision: main, tier: ${index + 1}}\n`,
  );
  await writeFile(
    join(folder, "catalog.yaml"),
    `schema: 1\nstack: test\ntiers:\n  - {id: 1, name: Critical, required: true}\n  - {id: 2, name: More}\nmodels:\n${catalog.join("")}`,
  );
  const install = [
    "sh",
    "-c",
    `curl -fsSL ${releases.base}/latest/download/install.sh | sh -s -- --no-setup`,
  ];
  expect((await run(install)).status).toBe(0);
  expect((await heros("--version")).output).toBe(`${releases.version}\n`);

  // Waits for a minute, so that the others go on meanwhile.
  const other = await makeHome(folder, "other home");
  await run(install, { inHome: other });
  const files = { "app/bin/heros.js": "setInterval(() => {}, 1000);\n" };
  await releases.remake("9.9.0", releases.version, { files, realNode: false });
  hanging = run(["heros", "upgrade", "--version", "9.9.0"], { inHome: other, withoutXz: true });
});

test("a wizard's answers, a stack, and a download that is left in the background", async () => {
  const pty = await open(["setup", ...where(), "--tiers", "1", "--startup", "progressive"]);
  await pty.waitFor("Continue anyway?");
  pty.type("2");
  await pty.waitFor(/2\. Continue/u);
  pty.type(keys.enter);
  await pty.waitFor("Use a Hugging Face token?");
  pty.type(keys.enter);
  await pty.waitFor("Where should models be stored?");
  pty.type(keys.enter);
  await pty.waitFor("Set up Annie like this?");
  pty.type("y");
  left = await leave(pty);
  expect(Object.keys(await setUpFiles())).toEqual(
    expect.arrayContaining(["her-os/docker-compose.heros.yml", ".local/state/heros/answers.json"]),
  );
  expect(await isDownloading(left)).toBe(true);
});

test("an upgrade leaves it alone, and says so", async () => {
  const before = await setUpFiles();
  await releases.offer(next);
  const { status, output } = await heros("upgrade");
  expect(status).toBe(0);
  const { version } = releases;
  expect(output).toContain(
    `Changes from heros ${version} to ${next}:\n    ${next}\n    - It says what changes.\n`,
  );
  expect(output).toContain(`Upgraded heros ${version} to ${next}.`);
  expect(output).toContain(
    `heros setup continues in the background with heros ${version} (PID ${left.pid}).`,
  );
  expect((await heros("--version")).output).toBe(`${next}\n`);
  expect(await isDownloading(left)).toBe(true);
  expect(await setUpFiles()).toEqual(before);
});

test("a second upgrade keeps the version before, and that of the download", async () => {
  const args = ["heros", "upgrade", "--version", afterNext];
  expect((await run(args, { withoutXz: true })).status).toBe(0);
  expect(await versions()).toEqual([releases.version, next, afterNext]);
  expect(await readlink(join(data(), "previous"))).toBe(`versions/${next}`);
  expect(await isDownloading(left)).toBe(true);
});

test("the new version follows it to its end: the model is verified, Annie is online", async () => {
  const [program, ...args] = asUser(["heros", "status", "--watch", "--json"]);
  const watching = spawn(program, args, { env: environment({}), cwd: "/" });
  let output = "";
  watching.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  await once(watching.stdout, "data");
  annie.listen(port, "127.0.0.1");
  hub.setThrottle({});
  await once(watching, "close");
  expect(watching.exitCode).toBe(0);
  const events = eventsIn(output);
  tell(namesOf(events));
  expect(events.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["file.verified", "model.ready", "annie.online"]),
  );
  expect(events[0]).toMatchObject({ type: "run.started", herosVersion: releases.version });
  expect(events.at(-1)).toMatchObject({ type: "run.succeeded", command: "setup" });
});

/** What `heros setup --yes` of the version that is installed finds and does. */
async function setUpAgain() {
  const [files, sent] = [await userFiles(), hub.sentBytes()];
  const version = (await heros("--version")).output.trim();
  const flags = ["--yes", "--allow-unsupported", ...where(), "--json"];
  const { status, output } = await heros("setup", ...flags);
  const events = eventsIn(output);
  const written = events.flatMap((event) => (event.type === "file.written" ? [event.action] : []));
  const planned = events.find((event) => event.type === "download.planned");
  const sameBytes = JSON.stringify(await userFiles()) === JSON.stringify(files);
  const missingBytes = planned === undefined ? null : planned.totalBytes - planned.cachedBytes;
  const sentBytes = hub.sentBytes() - sent;
  return { version, status, written: new Set(written), missingBytes, sentBytes, sameBytes };
}

const nothingLost = {
  status: 0,
  written: new Set(["unchanged"]),
  missingBytes: 0,
  sentBytes: 0,
  sameBytes: true,
};

test("nothing is lost: the same bytes, and a setup downloads nothing", async () => {
  expect(await setUpAgain()).toEqual({ ...nothingLost, version: afterNext });
});

test("nor by a roll-back", async () => {
  const before = await userFiles();
  const { status, output } = await heros("upgrade", "--rollback");
  expect(status).toBe(0);
  expect(output).toContain(`Went back from heros ${afterNext} to ${next}.`);
  expect(await userFiles()).toEqual(before);
  expect(await setUpAgain()).toEqual({ ...nothingLost, version: next });
  expect((await heros("upgrade", "--rollback")).status).toBe(0);
  expect(await setUpAgain()).toEqual({ ...nothingLost, version: afterNext });
});

test("what nothing runs from any more is removed", async () => {
  await releases.remake("9.3.0", next);
  const args = ["heros", "upgrade", "--version", "9.3.0"];
  expect((await run(args, { withoutXz: true })).status).toBe(0);
  expect(await versions()).toEqual([afterNext, "9.3.0"]);
});

test.each([
  ["whose bundle is broken", "app/dist/cli/main.js", "this is no program", "heros can't be loaded"],
  ["that ends with 1", "app/bin/heros.js", "process.exit(1);", "it ended with status 1."],
  [
    "whose doctor has no JSON",
    "app/bin/heros.js",
    `console.log(process.argv[2] === "doctor" ? "all is well" : "9.8.0");`,
    "heros doctor: all is well.",
  ],
])(
  "a next version %s is not switched to, and nothing of it stays",
  async (_what, file, text, why) => {
    const before = [await userFiles(), await readdir(data()), await versions()];
    await rm(join(folder, "releases/served/download/v9.8.0"), { recursive: true, force: true });
    await releases.remake("9.8.0", next, { files: { [file]: text }, realNode: false });
    await releases.offer("9.8.0");
    const { status, output } = await run(["heros", "upgrade"], { withoutXz: true });
    expect(status).toBe(1);
    expect(output).toContain("heros 9.8.0 does not start on this machine: ");
    expect(output).toContain(why);
    expect((await heros("--version")).output).toBe("9.3.0\n");
    expect([await userFiles(), await readdir(data()), await versions()]).toEqual(before);
  },
);

test("nor one that hangs", async () => {
  const { status, output } = await hanging;
  expect(status).toBe(1);
  expect(output).toContain(
    "heros 9.9.0 does not start on this machine: it did not answer within 60 s.",
  );
  const there = { inHome: join(folder, "other home") };
  expect((await run(["heros", "--version"], there)).output).toBe(`${releases.version}\n`);
});

test("uninstalling says what still runs and how to stop it, and leaves it alone", async () => {
  hub.setThrottle(slow);
  const pulling = await leave(await open(["pull", "memory", ...where().slice(0, 4)]));
  const { status, output } = await heros("uninstall", "--yes");
  expect(status).toBe(0);
  expect(output).toContain(
    `Still running: heros pull in the background (PID ${pulling.pid}). Stop it with: kill ${pulling.pid}`,
  );
  expect(output).toContain(`When that has ended, you can delete ${data()}/versions.`);
  expect(await readdir(join(home, ".local/bin")).catch(() => [])).toEqual([]);
  expect(await isDownloading(pulling)).toBe(true);
  hub.setThrottle({});
  await vi.waitFor(
    async () => {
      const events = eventsIn(await readFile(pulling.record, "utf8"));
      expect(events.at(-1)).toMatchObject({ type: "run.succeeded", command: "pull" });
    },
    { timeout: 240_000, interval: 100 },
  );
  expect(await versions()).toEqual(["9.3.0"]);
});
