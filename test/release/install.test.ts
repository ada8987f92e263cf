import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { launcherText } from "../../src/release/launcher.ts";
import { nodeFlag } from "../../src/release/tree.ts";
import { mountMemory } from "../host/mounted.ts";
import { ReleaseWorld } from "./release-world.ts";

let world: ReleaseWorld;
beforeEach(async () => {
  world = await ReleaseWorld.make();
  // After what a test mounts in it is gone.
  onTestFinished(() => world.remove());
});

test("an unpacked release installs itself, and the last line is a command that works", async () => {
  const { status, stdout, stderr } = await world.install("1.2.3");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain(`heros 1.2.3 is installed: ${world.launcher}`);
  expect(stdout).toContain(`export PATH=${dirname(world.launcher)}:"$PATH"\n`);
  expect(stdout.trimEnd().split("\n").at(-1)?.trim()).toBe(`${world.launcher} setup`);
  expect((await world.heros("--version")).stdout).toBe("1.2.3\n");
  expect(await world.link("current")).toBe("versions/1.2.3");
  expect(await world.link("previous")).toBe(null);
  const shared = /^\.local\/share\/(?:bash-completion|fish|man|zsh)/;
  expect((await world.homeFiles()).filter((file) => !shared.test(file))).toEqual([
    ".local",
    ".local/bin",
    ".local/bin/heros",
    ".local/share",
    ".local/share/heros",
    ".local/share/heros/current",
    ".local/share/heros/lock",
    ".local/share/heros/manifest.json",
    ".local/share/heros/versions",
    ".local/share/heros/versions/1.2.3",
  ]);
});

test("heros version tells which one it is and where", async () => {
  await world.install("1.2.3-beta.1", { commit: "abc", files: { "release-base": "x" } });
  const { stdout } = await world.heros("version");
  expect(stdout.split("\n").map((line) => line.trim())).toEqual([
    expect.stringMatching(/^heros 1\.2\.3-beta\.1 \(linux-(?:arm64|x64)\)$/),
    "Commit:    abc",
    `Installed: ${world.data}/versions/1.2.3-beta.1`,
    "Channel:   beta",
    "",
  ]);
});

test("each version keeps the one before, and removes older ones", async () => {
  for (const version of ["1.0.0", "1.1.0", "1.2.0"]) {
    expect((await world.install(version)).status).toBe(0);
  }
  expect(await world.versions()).toEqual(["1.1.0", "1.2.0"]);
  expect(await world.link("current")).toBe("versions/1.2.0");
  expect(await world.link("previous")).toBe("versions/1.1.0");
});

test("installed again it changes nothing; a damaged one is replaced under another name", async () => {
  await world.install("1.2.3");
  const again = await world.install("1.2.3");
  expect(again.stdout).toContain("heros 1.2.3 is already installed");
  expect(await world.versions()).toEqual(["1.2.3"]);
  await rm(join(world.data, "current/app/dist/cli"), { recursive: true });
  expect((await world.install("1.2.3")).status).toBe(0);
  expect(await world.link("current")).toBe("versions/1.2.3.2");
  expect((await world.heros("--version")).stdout).toBe("1.2.3\n");
});

test("a version that a program still runs from stays", async () => {
  await world.install("1.0.0");
  const node = join(world.data, "versions/1.0.0/runtime/node");
  await rm(node);
  // A program of its own there, as Node is.
  await copyFile("/bin/sleep", node);
  await chmod(node, 0o755);
  const { child, ended } = world.start(node, ["600"]);
  try {
    for (const version of ["1.1.0", "1.2.0"]) await world.install(version);
    expect(await world.versions()).toEqual(["1.0.0", "1.1.0", "1.2.0"]);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
  await world.install("1.3.0");
  expect(await world.versions()).toEqual(["1.2.0", "1.3.0"]);
});

test.each([
  ["does not start", "echo no luck >&2; exit 1", "no luck"],
  ["is another version", `case "$*" in *--version) echo 9.9.9 ;; esac`, "it says that it is 9.9.9"],
  [
    "answers --version alone",
    `case "$*" in *--version) echo 1.3.0 ;; *install*) exec '${process.execPath}' "$@" ;; *) echo boom >&2; exit 3 ;; esac`,
    "doctor: boom",
  ],
])("a version that %s is not switched to", async (_what, runtime, why) => {
  await world.install("1.2.3");
  const tree = await world.unpack("1.3.0", { runtime });
  // Its own Node may be unable to; the other one's is not.
  const program = join(tree, "app/bin/heros.js");
  const args = [program, "release", "install", "--json"];
  const { status, stdout } = await world.run(process.execPath, args);
  const last: unknown = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  expect(last).toMatchObject({ type: "run.failed", code: "release.broken", exitCode: 1 });
  expect(JSON.stringify(last)).toContain(why);
  expect(status).toBe(1);
  expect((await world.heros("--version")).stdout).toBe("1.2.3\n");
  expect(await world.versions()).toEqual(["1.2.3"]);
});

test("a first version that does not start leaves nothing", async () => {
  const tree = await world.unpack("1.3.0", { runtime: "exit 1" });
  const args = [join(tree, "app/bin/heros.js"), "release", "install"];
  expect((await world.run(process.execPath, args)).status).toBe(1);
  expect(await world.homeFiles()).toEqual([]);
});

test("a release for another machine, a checkout and a foreign launcher are refused", async () => {
  const other = await world.install("1.2.3", { platform: "linux-riscv64" });
  expect(other.stderr).toContain("This release is for linux-riscv64, and this is linux-");
  expect(other.status).toBe(4);

  const checkout = new URL("../../bin/heros.js", import.meta.url).pathname;
  const raw = await world.run(process.execPath, [checkout, "release", "install"]);
  expect(raw.status).toBe(2);
  expect(raw.stderr).toContain("does not hold a release of heros");

  await mkdir(dirname(world.launcher), { recursive: true });
  await writeFile(world.launcher, "#!/bin/sh\n# mine\n");
  const foreign = await world.install("1.2.3");
  expect(foreign.status).toBe(4);
  expect(foreign.stderr).toContain("is not from heros, so it was not replaced");
  expect(await readFile(world.launcher, "utf8")).toBe("#!/bin/sh\n# mine\n");
  await rm(world.launcher);
  await symlink("/nowhere", world.launcher);
  expect((await world.install("1.2.3")).status).toBe(4);
  expect(await world.homeFiles()).toEqual([".local", ".local/bin", ".local/bin/heros"]);
});

test("--prefix, XDG_DATA_HOME and names with quotes choose the folders", async () => {
  const tree = await world.unpack("1.2.3");
  const heros = join(tree, "bin/heros");
  const prefix = join(world.root, `it's "$HOME"`);
  expect((await world.run(heros, ["release", "install", "--prefix", prefix])).status).toBe(0);
  const there = await world.run(join(prefix, "bin/heros"), ["--version"]);
  expect(there.stdout).toBe("1.2.3\n");
  expect(await world.homeFiles()).toEqual([]);

  const xdg = join(world.root, "data");
  const next = join(await world.unpack("1.2.4"), "bin/heros");
  await world.run(next, ["release", "install"], { XDG_DATA_HOME: xdg });
  expect(await readFile(world.launcher, "utf8")).toBe(launcherText(join(xdg, "heros")));
});

test("--dry-run tells each step and does none", async () => {
  const { status, stdout } = await world.install("1.2.3", {}, ["--dry-run", "--modify-path"]);
  expect(status).toBe(0);
  expect(stdout).toContain(`Would install heros 1.2.3 in ${world.data}/versions/1.2.3`);
  expect(stdout).toContain(`Would add to ${world.home}/.bashrc: export PATH=`);
  expect(await world.homeFiles()).toEqual([]);
});

test.each([
  ["/bin/bash", ".bashrc", "export PATH="],
  ["/usr/bin/zsh", "dots/.zshrc", "export PATH="],
  ["/usr/bin/fish", "conf/fish/conf.d/heros.fish", "fish_add_path "],
  ["/bin/dash", ".profile", "export PATH="],
])("--modify-path with %s adds one line to %s, once", async (shell, file, start) => {
  const env = {
    SHELL: shell,
    ZDOTDIR: join(world.home, "dots"),
    XDG_CONFIG_HOME: join(world.home, "conf"),
  };
  const target = join(world.home, file);
  const own = file === ".bashrc" ? "alias a=b" : null;
  if (own !== null) await writeFile(target, own);
  for (const version of ["1.2.3", "1.2.4"]) {
    const heros = join(await world.unpack(version), "bin/heros");
    expect((await world.run(heros, ["release", "install", "--modify-path"], env)).status).toBe(0);
  }
  const line = `${start}${dirname(world.launcher)}${start.startsWith("fish") ? "" : ':"$PATH"'} # added by heros\n`;
  expect(await readFile(target, "utf8")).toBe(own === null ? line : `${own}\n${line}`);
  await world.heros("uninstall", "--yes");
  expect(await world.homeFiles()).toEqual(own === null ? [] : [file]);
});

test("what is called the newest and is older is refused", async () => {
  await world.install("1.1.0");
  const { status, stderr } = await world.install("1.0.0", {}, ["--latest"]);
  expect(stderr).toContain("heros 1.0.0 is older than the installed heros 1.1.0");
  expect(status).toBe(1);
  expect(await world.versions()).toEqual(["1.1.0"]);
  expect((await world.install("1.1.0-beta.1", {}, ["--latest"])).status).toBe(1);
  expect((await world.install("1.2.0", {}, ["--latest"])).status).toBe(0);
  expect((await world.install("1.0.0")).status).toBe(0);
});

test.each([".local", ".local/share/heros", ".local/bin"])(
  "where %s is a file, it says so, and nothing is changed",
  async (name) => {
    await mkdir(dirname(join(world.home, name)), { recursive: true });
    await writeFile(join(world.home, name), "mine");
    const before = await world.homeFiles();
    const { status, stderr } = await world.install("1.0.0");
    expect(stderr).toContain("can't be written to (ENOTDIR)");
    expect(stderr).toContain("sh install.sh --prefix DIR");
    expect(status).toBe(4);
    expect(await world.homeFiles()).toEqual(before);
  },
);

test("on a disk where no program may run it says so, and leaves nothing", async ({ skip }) => {
  const folder = join(world.root, "data");
  await mkdir(folder);
  if (!(await mountMemory(folder, "noexec,size=200m"))) skip();
  const heros = join(await world.unpack("1.0.0"), "bin/heros");
  const ran = await world.run(heros, ["release", "install"], { XDG_DATA_HOME: folder });
  expect(ran.stderr).toContain(`Programs in ${folder}/heros/versions can't be run.`);
  expect(ran.status).toBe(4);
  expect(await readdir(folder)).toEqual([]);
  expect(await world.homeFiles()).toEqual([]);
});

test("two installations at once both end well", async () => {
  const trees = await Promise.all(["1.0.0", "1.1.0"].map((version) => world.unpack(version)));
  const runs = trees.map((tree) => world.run(join(tree, "bin/heros"), ["release", "install"]));
  expect((await Promise.all(runs)).map(({ status }) => status)).toEqual([0, 0]);
  expect(await world.versions()).toEqual(["1.0.0", "1.1.0"]);
  expect(["1.0.0\n", "1.1.0\n"]).toContain((await world.heros("--version")).stdout);
});

test("a launcher of an earlier install.sh is known by its mark, and written as it is now", async () => {
  await mkdir(dirname(world.launcher), { recursive: true });
  const earlier = '#!/bin/sh\n# Starts heros. Written by install.sh; "sh install.sh" removes it.\n';
  await writeFile(world.launcher, earlier, { mode: 0o755 });
  expect((await world.install("1.0.0")).status).toBe(0);
  expect(await readFile(world.launcher, "utf8")).toBe(launcherText(world.data));
  const entry = await readFile(new URL("../../bin/heros.js", import.meta.url), "utf8");
  expect(entry.split("\n")[0]).toBe(`#!/usr/bin/env -S node ${nodeFlag}`);
});

test("a folder that can't be made is a failure that says so", async () => {
  const { status, stderr } = await world.install("1.0.0", {}, ["--prefix", "/proc/heros"]);
  expect(status).toBe(4);
  expect(stderr).toContain("can't be written to (ENOENT)");
});

test.runIf(process.getuid?.() === 0 || process.env["CI"] !== undefined)(
  "an installation of another user's is not changed, and it says so",
  async () => {
    await world.install("1.0.0");
    await chmod(world.root, 0o755);
    const heros = join(await world.unpack("1.1.0"), "bin/heros");
    const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    const args = [...nobody, heros, "release", "install"];
    const { status, stderr } = await world.run("setpriv", args);
    expect(status).toBe(4);
    expect(stderr).toContain("can't be written to (EACCES)");

    // A folder for launchers that is somebody else's: found out before anything is switched.
    const own = join(world.root, "own");
    await mkdir(join(own, "bin"), { recursive: true });
    await mkdir(join(own, "share"), { mode: 0o777 });
    await chmod(join(own, "share"), 0o777);
    const other = await world.run("setpriv", [...args, "--prefix", own]);
    expect(other.status).toBe(4);
    expect(other.stderr).toContain(`${own}/bin can't be written to (EACCES)`);
    expect(await readdir(join(own, "share"))).toEqual([]);
    expect(await world.versions()).toEqual(["1.0.0"]);
    expect((await world.heros("--version")).stdout).toBe("1.0.0\n");
  },
);

test("with a umask of 000 nobody else may write to what is installed", async () => {
  const tree = await world.unpack("1.0.0");
  const script = 'umask 000; exec "$0" release install';
  expect((await world.run("/bin/sh", ["-c", script, join(tree, "bin/heros")])).status).toBe(0);
  const found = await world.run("find", [
    join(world.home, ".local"),
    "-perm",
    "/022",
    "!",
    "-type",
    "l",
  ]);
  expect(
    found.stdout.split("\n").filter((file) => !/\/app\/(?:dist|bin|assets)/.test(file)),
  ).toEqual([""]);
});

test("a release on another disk is copied", async () => {
  const other = await mkdtemp("/dev/shm/heros-release-");
  try {
    const tree = join(other, "tree");
    await cp(await world.unpack("1.2.3"), tree, { recursive: true });
    expect((await world.run(join(tree, "bin/heros"), ["release", "install"])).status).toBe(0);
    expect((await world.heros("--version")).stdout).toBe("1.2.3\n");
    expect(await world.versions()).toEqual(["1.2.3"]);
    // Where it came from is its owner's affair.
    expect((await stat(join(tree, "release.json"))).isFile()).toBe(true);
  } finally {
    await rm(other, { recursive: true });
  }
});
