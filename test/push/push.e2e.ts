import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  access,
  chmod,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { ReleaseWorld } from "../release/release-world.ts";
import { keys, openPty } from "../terminal/pty.ts";
import { farProcesses, fromScript, passphrase, type Sshd, SshWorld } from "./sshd.ts";

const farHome = fromScript("FAR_HOME");
const largeBytes = 40_000_000;
const catalog = `schema: 1
stack: test
tiers: [{id: 1, name: Critical, required: true}]
models:
  - {id: voice, repo: demo/voice, tier: 1}
  - {id: large, repo: demo/large, tier: 1}
`;

let world: ReleaseWorld;
let ssh: SshWorld;
let sshd: Sshd;
let hub: EmbeddedHub;

beforeAll(async () => {
  world = await ReleaseWorld.make();
  // The server reads whose key it is as the other user.
  await chmod(world.root, 0o755);
  await world.install("1.0.0", { runtime: `exec '${fromScript("FAR_NODE")}' "$@"` });
  ssh = await SshWorld.make(join(world.root, "ssh"));
  sshd = await ssh.serve();
  await writeFile(join(world.home, "stack.yaml"), catalog);
  hub = await startHub({
    repos: [
      { id: "demo/voice", files: [{ path: "config.json", content: "{}" }] },
      { id: "demo/large", files: [{ path: "model.safetensors", sizeBytes: largeBytes }] },
    ],
  });
  const args = ["pull", "--catalog", join(world.home, "stack.yaml"), "--endpoint", hub.endpoint];
  expect(await world.heros(...args)).toMatchObject({ status: 0 });
  // Nothing below needs it.
  await hub.close();
});
afterAll(async () => {
  await sshd.close();
  await world.remove();
});

/** The other machine is as new. */
beforeEach(async () => {
  for (const name of await readdir(farHome)) {
    await rm(join(farHome, name), { recursive: true, force: true });
  }
  await ssh.configure("spark-2", sshd.port);
});

interface Pushed {
  readonly status: number | null;
  readonly events: readonly TimedEvent[];
  readonly stderr: string;
}

const environment = () => ({
  HOME: world.home,
  PATH: `${ssh.bin}:/usr/bin:/bin`,
  TMPDIR: tmpdir(),
  LANG: "C.UTF-8",
});
const ofStack = () => ["--catalog", join(world.home, "stack.yaml")];

/** `heros push spark-2 --yes --json`, and what happens while it runs. */
async function push(
  args: readonly string[] = [],
  onEvent: (event: TimedEvent, kill: (signal: NodeJS.Signals) => void) => void = () => {},
): Promise<Pushed> {
  const words = ["push", "spark-2", "--yes", "--json", ...ofStack(), ...args];
  const child = spawn(world.launcher, words, { cwd: world.root, env: environment() });
  let [stderr, rest] = ["", ""];
  const events: TimedEvent[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = JSON.parse(line) as TimedEvent;
      events.push(event);
      onEvent(event, (signal) => child.kill(signal));
    }
  });
  await once(child, "close");
  return { status: child.exitCode, events, stderr };
}

const typesOf = ({ events }: Pushed) => events.map(({ type }) => type);
const find = <Type extends TimedEvent["type"]>({ events }: Pushed, type: Type) =>
  events.find((event): event is Extract<TimedEvent, { type: Type }> => event.type === type);
const failureOf = (pushed: Pushed) => {
  const last = pushed.events.at(-1);
  if (last?.type !== "run.failed") throw new Error(JSON.stringify(pushed, null, 1));
  return { status: pushed.status, code: last.code, message: last.message };
};
const there = (path: string) => join(farHome, path);
const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function expectNothingLeft(): Promise<void> {
  await expect.poll(async () => [...(await farProcesses()).values()]).toEqual([]);
  const left = await readdir(tmpdir());
  expect(left.filter((name) => /^heros-(?:ssh|push)-/u.test(name))).toEqual([]);
}

test("a machine that has nothing gets heros, catalog and models, verified, and a second push sends nothing", async () => {
  const first = await push();
  expect(first.stderr).toBe("");
  expect(first.events.at(-1)).toMatchObject({
    type: "run.succeeded",
  });
  expect(first.status).toBe(0);
  expect(find(first, "remote.checked")).toMatchObject({ address: "spark-2", heros: null });
  expect(find(first, "remote.installed")).toMatchObject({ version: "1.0.0", action: "installed" });
  expect(find(first, "download.planned")).toMatchObject({ cachedBytes: 0 });
  expect(await readFile(there("stack.yaml"), "utf8")).toBe(catalog);
  const cache = ".cache/huggingface/hub/models--demo--large";
  const [commit = ""] = await readdir(there(`${cache}/snapshots`));
  const file = `${cache}/snapshots/${commit}/model.safetensors`;
  const [sent, own] = await Promise.all([readFile(there(file)), readFile(join(world.home, file))]);
  expect(sent.equals(own)).toBe(true);
  expect(await isThere(there(".cache/heros/install"))).toBe(false);
  await expectNothingLeft();

  const second = await push();
  expect(second.status).toBe(0);
  expect(find(second, "remote.installed")).toMatchObject({ action: "unchanged" });
  expect(find(second, "download.planned")?.cachedBytes).toBe(largeBytes + 2);
  expect(find(second, "file.written")).toMatchObject({ action: "unchanged" });
  expect(typesOf(second)).not.toContain("push.progress");
  expect(typesOf(second)).not.toContain("file.verified");
});

test.each(["SIGKILL", "SIGINT"] as const)(
  "%s ends both ends, and the next push continues",
  async (signal) => {
    const stopped = await push(["--limit-rate", "8M"], (event, kill) => {
      if (event.type === "download.progress" && event.receivedBytes > 5_000_000) kill(signal);
    });
    expect(stopped.status).toBe(signal === "SIGINT" ? 130 : null);
    await expect.poll(async () => [...(await farProcesses()).values()]).toEqual([]);
    const next = await push();
    expect(next.status).toBe(0);
    const planned = find(next, "download.planned");
    expect((planned?.resumedBytes ?? 0) + (planned?.cachedBytes ?? 0)).toBeGreaterThan(1_000_000);
    await expectNothingLeft();
  },
);

test("what is killed there fails here, and the next push continues", async () => {
  let killed = false;
  const killPull = async () => {
    for (const [pid, line] of await farProcesses()) {
      if (line.includes("heros.js pull")) process.kill(pid, "SIGKILL");
    }
  };
  const broken = await push(["--limit-rate", "8M"], (event) => {
    if (killed || event.type !== "download.progress" || event.receivedBytes < 5_000_000) return;
    killed = true;
    void killPull();
  });
  expect(failureOf(broken)).toMatchObject({ status: 1, code: "push.failed_there" });
  await expectNothingLeft();
  const next = await push();
  expect(next.status).toBe(0);
  expect(find(next, "download.planned")?.resumedBytes).toBeGreaterThan(1_000_000);
});

/** heros is killed right after all of its archive has arrived. @returns the archive there */
async function archiveThere(): Promise<string> {
  const folder = there(".cache/heros/install");
  const stopped = await push(["voice"], (event, kill) => {
    if (event.type === "notice" && event.code === "push.received") kill("SIGKILL");
  });
  expect(stopped.status).toBe(null);
  await expect.poll(async () => [...(await farProcesses()).values()]).toEqual([]);
  const parts = (await readdir(folder)).filter((name) => /^push-[0-9a-f]{64}\.part$/u.test(name));
  expect(parts).toHaveLength(1);
  return join(folder, parts[0] ?? "");
}

test("of an archive of heros that arrived in part, only the rest is sent", async () => {
  expect((await push(["--dry-run"])).status).toBe(0);
  expect(await readdir(farHome)).toEqual([]);
  const archive = await archiveThere();
  const { size } = await stat(archive);
  await truncate(archive, size - 1000);
  const next = await push(["voice"]);
  expect(next.status).toBe(0);
  expect(find(next, "push.progress")?.totalBytes).toBe(1000);
  expect(await isThere(there(".cache/heros/install"))).toBe(false);
});

test("one that arrived damaged is not unpacked", async () => {
  const archive = await archiveThere();
  await writeFile(archive, Buffer.alloc((await stat(archive)).size));
  expect(failureOf(await push())).toMatchObject({ status: 6, code: "push.not_received" });
  expect(await isThere(archive)).toBe(false);
  expect(await isThere(there(".local/share/heros"))).toBe(false);
});

describe("what ssh can't do is one failure, and nothing is changed there", () => {
  test("a server that forbids forwarding", async () => {
    const closed = await ssh.serve({ lines: ["AllowTcpForwarding no"] });
    await ssh.configure("spark-2", closed.port);
    expect(failureOf(await push())).toMatchObject({ status: 4, code: "push.no_forwarding" });
    await closed.close();
    expect(await readdir(farHome)).toEqual([]);
    await expectNothingLeft();
  });

  test("another key, no key, no server, no machine", async () => {
    await ssh.configure("spark-2", sshd.port, { key: "other" });
    expect(failureOf(await push())).toMatchObject({ status: 2, code: "push.denied" });
    await ssh.configure("spark-2", sshd.port);
    await rm(join(ssh.folder, "known"));
    expect(failureOf(await push())).toMatchObject({ status: 2, code: "push.unknown_host" });
    const imposter = await ssh.serve({ hostKey: "other" });
    await ssh.configure("spark-2", imposter.port);
    expect(failureOf(await push())).toMatchObject({ status: 6, code: "push.host_changed" });
    await imposter.close();
    expect(failureOf(await push())).toMatchObject({ status: 5, code: "push.unreachable" });
    await ssh.configure("spark-9", sshd.port);
    expect(failureOf(await push())).toMatchObject({ status: 5, code: "push.unreachable" });
    expect(await readdir(farHome)).toEqual([]);
  });

  test("a user without a shell, and a server that runs something else", async () => {
    await ssh.configure("spark-2", sshd.port, { lines: ["User closed"] });
    expect(failureOf(await push())).toMatchObject({ status: 4, code: "push.no_shell" });
    const forced = await ssh.serve({ lines: ["ForceCommand cat /dev/zero"] });
    await ssh.configure("spark-2", forced.port);
    expect(failureOf(await push())).toMatchObject({ status: 4, code: "push.no_shell" });
    await forced.close();
    expect(await readdir(farHome)).toEqual([]);
  });
});

test("a login shell of any kind will do, and what it prints first", async () => {
  const passwd = await readFile("/etc/passwd", "utf8");
  const users = [...passwd.matchAll(/^(far-\w+):/gmu)].map(([, user = ""]) => user);
  expect(users).toContain("far-bash");
  await mkdir(there(".config/fish"), { recursive: true });
  for (const file of [".bashrc", ".zshenv", ".cshrc", ".config/fish/config.fish"]) {
    await writeFile(there(file), "echo Welcome to the other machine\n");
  }
  for (const user of users) {
    await ssh.configure("spark-2", sshd.port, { lines: [`User ${user}`] });
    const pushed = await push(["voice"]);
    expect({ user, last: pushed.events.at(-1)?.type }).toEqual({ user, last: "run.succeeded" });
  }
});

test("answers of an earlier setup there stay, unless they may be overwritten", async () => {
  await push(["voice"]);
  await writeFile(there("stack.yaml"), "# mine\n");
  const next = await push(["--overwrite", "voice"]);
  expect(next.status).toBe(0);
  expect(await readFile(there("stack.yaml"), "utf8")).toBe(catalog);
});

test("--setup ends as the setup there does", async () => {
  const pushed = await push(["--setup", "voice"]);
  expect(failureOf(pushed).message).toMatch(/^On spark-2: /u);
  expect([2, 4]).toContain(pushed.status);
});

describe("on a terminal", () => {
  const open = () =>
    openPty({
      command: world.launcher,
      args: ["push", "spark-2", ...ofStack()],
      cwd: world.root,
      env: environment(),
    });

  test("ssh asks for the passphrase once, and then the screen comes", async () => {
    await ssh.configure("spark-2", sshd.port, { key: "locked" });
    const pty = open();
    await expect.poll(() => pty.output()).toContain("Enter passphrase");
    pty.type(`${passphrase}\r`);
    const { exitCode } = await pty.exit;
    expect(exitCode).toBe(0);
    const output = pty.output();
    expect(output.match(/Enter passphrase/gu)).toHaveLength(1);
    expect(output).not.toContain(passphrase);
    // The screen had the terminal, and gave it back.
    expect(output).toContain("\u001b[?25h");
    expect(output).toContain(".local/bin/heros setup");
    await expectNothingLeft();
  });

  test("Ctrl-C at the question ends it", async () => {
    await ssh.configure("spark-2", sshd.port, { key: "locked" });
    const pty = open();
    await expect.poll(() => pty.output()).toContain("Enter passphrase");
    pty.type(keys.ctrlC);
    expect((await pty.exit).exitCode).toBe(130);
    await expectNothingLeft();
    expect(await readdir(farHome)).toEqual([]);
  });
});
