import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { World } from "./world.ts";

let world: World;
beforeEach(async () => {
  world = await World.make();
});
afterEach(() => world.remove());

const only = { args: ["--no-setup"] };

describe("wrong usage ends with 2, and does nothing", () => {
  test.each([
    [["--prefix"], "--prefix needs a value"],
    [["--prefix", ""], "--prefix needs a value"],
    [["--no-setup", "--from"], "--from needs a value"],
    [["--uninstal"], "Unknown option '--uninstal'"],
    [["--yes", "--tiers"], "--tiers needs a value"],
    [["--pre-download-models", "--demo"], "Unknown option '--demo'"],
  ])("%j", async (args, sentence) => {
    const { status, stdout, stderr } = await world.run({ args });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(sentence);
    expect(await world.homeFiles()).toEqual([]);
  });

  test("without sources", async () => {
    const piped = await readFile(join(world.checkout, "install.sh"), "utf8");
    const { status, stderr } = await world.run({ ...only, piped });
    expect(stderr).toContain("The sources of heros are not here");
    expect(stderr).toContain("HEROS_SOURCE=");
    expect(status).toBe(2);
    expect(await world.homeFiles()).toEqual([]);
  });

  test("with sudo", async () => {
    await rm(join(world.bin, "id"));
    await writeFile(join(world.bin, "id"), "#!/bin/sh\necho 0\n", { mode: 0o755 });
    for (const args of [["--no-setup"], ["--uninstall"]]) {
      const { status, stderr } = await world.run({ args, env: { SUDO_USER: "ana" } });
      expect(stderr).toContain("needs no sudo");
      expect(status).toBe(2);
    }
  });
});

describe("where nobody can be asked, it installs and names the next command", () => {
  test.each([
    ["no terminal", {}],
    ["a closed stdin", { closed: true }],
  ])("%s", async (_what, options) => {
    const { status, stdout, stderr } = await world.run(options);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toContain("Without a terminal to ask on, heros is only installed.");
    const [next] = stderr.trimEnd().split("\n").slice(-1);
    expect(next?.trim()).toBe(`${world.home}/.local/bin/heros setup`);
  });
});

describe("what the machine lacks ends with 4, and leaves nothing behind", () => {
  test.each([
    ["no HOME", { HOME: undefined }, "HOME is not an absolute path"],
    ["a relative HOME", { HOME: "home" }, "not an absolute path"],
    ["a HOME that can't be written", { HOME: "/proc/nowhere" }, "can't be written to"],
    ["a HOME that is a file", { HOME: "/dev/null" }, "can't be written to"],
  ])("%s", async (_what, env, sentence) => {
    const { status, stderr } = await world.run({ ...only, env });
    expect(stderr).toContain(sentence);
    expect(status).toBe(4);
  });

  test.each([
    ["npm", "npm is missing"],
    ["tar", "The command tar is missing"],
  ])("no %s", async (tool, sentence) => {
    await rm(join(world.bin, tool));
    const { status, stderr } = await world.run(only);
    expect(stderr).toContain(sentence);
    expect(status).toBe(4);
    expect(await installed()).toEqual([]);
  });

  test.each([
    ["uname -m", "riscv64", "this is Linux on riscv64"],
    ["uname -s", "Darwin", "this is Darwin on"],
  ])("%s is %s", async (_command, answer, sentence) => {
    await rm(join(world.bin, "uname"));
    const text = `#!/bin/sh\ncase $1 in -s) echo ${answer === "Darwin" ? answer : "Linux"} ;; *) echo ${answer === "Darwin" ? "arm64" : answer} ;; esac\n`;
    await writeFile(join(world.bin, "uname"), text, { mode: 0o755 });
    const { status, stderr } = await world.run(only);
    expect(stderr).toContain(sentence);
    expect(status).toBe(4);
  });

  test.each([
    ["32 bits", "LONG_BIT", "echo 32", "this one has 32 bits"],
    ["an old glibc", "GNU_LIBC_VERSION", "echo glibc 2.27", "needs glibc 2.28"],
    ["musl", "GNU_LIBC_VERSION", "exit 1", "this system has musl"],
  ])("%s", async (_what, name, answer, sentence) => {
    for (const [tool, text] of [
      ["getconf", `case $1 in ${name}) ${answer} ;; esac`],
      ["ldd", "echo musl libc"],
    ] as const) {
      await rm(join(world.bin, tool));
      await writeFile(join(world.bin, tool), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    const { status, stderr } = await world.run(only);
    expect(stderr).toContain(sentence);
    expect(status).toBe(4);
    expect(await world.homeFiles()).toEqual([]);
  });

  test("a disk on which programs can't run", async () => {
    await world.packNode("#!/nowhere/sh\n");
    const { status, stderr } = await world.run(only);
    expect(stderr).toContain("mounted noexec");
    expect(status).toBe(4);
    expect(await installed()).toEqual([]);
  });
});

test("too small a disk ends with 4 before anything is fetched, and leaves nothing", async () => {
  await rm(join(world.bin, "df"));
  const text = "#!/bin/sh\necho Filesystem\necho /dev/x 100 50 50000 50% /\n";
  await writeFile(join(world.bin, "df"), text, { mode: 0o755 });
  const { status, stderr } = await world.run(only);
  expect(stderr).toContain("needs 800 MB");
  expect(status).toBe(4);
  expect(await world.npmCalls()).toEqual([]);
  expect(await world.homeFiles()).toEqual([]);
});

describe("a build that fails leaves the version that was there, and no debris", () => {
  test.each([
    ["npm error code ENOTFOUND", 5, "The package registry can't be reached"],
    ["npm error code ENOSPC", 7, "The disk is full"],
    ["npm error code EINTEGRITY", 6, "doesn't match its hash"],
    ["npm error code EWHATEVER", 1, "npm ci failed"],
  ])("%s", async (output, expected, sentence) => {
    const { before, version } = await installTwo();
    await world.tell("npm-fails", `${output}\n`);
    const { status, stdout, stderr } = await world.run(only);
    expect(stderr).toContain(`| ${output}`);
    expect(stderr).toContain(sentence);
    expect(stderr).not.toContain("is installed");
    expect({ status, stdout }).toEqual({ status: expected, stdout: "" });
    expect(await world.homeFiles()).toEqual(before);
    expect(await world.current()).toBe(version);
    expect((await world.heros("--version")).stdout).toBe("1.2.3\n");
  });

  test("an archive of Node that is not the pinned one", async () => {
    const { before } = await installTwo();
    const lock = join(world.checkout, "scripts/runtime.lock");
    await writeFile(
      lock,
      (await readFile(lock, "utf8")).replace(/^./, (digit) => (digit === "0" ? "1" : "0")),
    );
    const { status, stderr } = await world.run(only);
    expect(stderr).toContain("doesn't match its hash in scripts/runtime.lock");
    expect(status).toBe(6);
    expect(await world.homeFiles()).toEqual(before);
  });

  test("a build that does not run", async () => {
    const { before } = await installTwo();
    await writeFile(join(world.checkout, "bin/heros.js"), "process.exit(3);\n");
    const { status, stderr } = await world.run(only);
    expect(stderr).toContain("The build does not run");
    expect(status).toBe(1);
    expect(await world.homeFiles()).toEqual(before);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s in the middle", async (signal, expected) => {
    const { before } = await installTwo();
    const { child, ended } = await startAndHang();
    child.kill(signal);
    const { status, stderr } = await ended;
    expect(stderr).toContain("Cancelled.");
    expect(status).toBe(expected);
    expect(await world.homeFiles()).toEqual(before);
    expect((await world.heros("--version")).stdout).toBe("1.2.3\n");
  });
});

test("after kill -9 the next run clears up and goes on", async () => {
  const { child, ended } = await startAndHang();
  // With all that it has started.
  process.kill(-(child.pid ?? 0), "SIGKILL");
  await ended;
  expect(await world.homeFiles()).toContain(".cache/heros/install/run");
  const removal = await world.run({ args: ["--uninstall"] });
  expect(removal.stderr).toContain("What is left of heros does not start.");
  expect(removal.status).toBe(1);
  await world.forget("npm-hangs");
  expect((await world.run(only)).status).toBe(0);
  expect(await world.homeFiles()).not.toContain(".cache/heros/install/run");
  expect((await world.heros("--version")).stdout).toBe("1.2.3\n");
});

test("it ends even where its folders and its tools are gone", async () => {
  const { child, ended } = await startAndHang();
  await Promise.all([world.home, world.bin].map((folder) => rm(folder, { recursive: true })));
  child.kill("SIGTERM");
  expect((await ended).status).toBe(143);
});

test("a second installation beside the first is refused, and does not disturb it", async () => {
  const { child, ended } = await startAndHang();
  const { status, stderr } = await world.run(only);
  expect(stderr).toContain("Another installation is running");
  expect(status).toBe(1);
  expect(await world.homeFiles()).toContain(".cache/heros/install/run");
  child.kill("SIGTERM");
  await ended;
});

/** What of heros is in the home folder. */
async function installed(): Promise<string[]> {
  return (await world.homeFiles()).filter((path) => path.includes("heros"));
}

/** An installation, and sources that differ from it. */
async function installTwo() {
  await world.run(only);
  await world.edit("export const changed = true;\n");
  return { before: await world.homeFiles(), version: await world.current() };
}

/** An installation that stands still in npm ci. */
async function startAndHang() {
  const marker = join(world.root, "npm-hangs");
  await world.tell("npm-hangs", "");
  const started = world.start(only);
  let early: string | null = null;
  void started.ended.then(({ stderr }) => (early = stderr));
  await vi.waitUntil(async () => early !== null || Number(await readFile(marker, "utf8")) > 0, {
    timeout: 240_000,
    interval: 20,
  });
  expect(early).toBeNull();
  return started;
}
