import { execFileSync } from "node:child_process";
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keys, openPty, type Pty } from "../terminal/pty.ts";
import { asUser } from "./ordinary-user.ts";
import { ReleaseWorld } from "./release-world.ts";

let world: ReleaseWorld;
beforeEach(async () => {
  world = await ReleaseWorld.make();
});
afterEach(() => world.remove());

async function put(...names: string[]): Promise<void> {
  for (const name of names) {
    const file = join(world.home, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, name);
  }
}

/** Of the first model of the catalog, and of somebody else. */
const model = ".cache/huggingface/hub/models--Qwen--Qwen3-Embedding-0.6B";
const foreignModel = ".cache/huggingface/hub/models--other--model/blobs/1";

test("nothing of heros stays in an empty home", async () => {
  await world.install("1.0.0", {}, ["--modify-path"]);
  await world.install("1.1.0");
  const { status, stdout } = await world.heros("uninstall", "--yes");
  expect(status).toBe(0);
  expect(stdout).toContain("heros 1.1.0 is removed.");
  expect(await world.homeFiles()).toEqual([]);
});

test("the service that continues a setup goes, another one of that name stays", async () => {
  const unit = ".config/systemd/user/heros-resume.service";
  await world.install("1.0.0");
  await put(unit);
  await writeFile(join(world.home, unit), "# Written by heros setup: …\n");
  const { stdout } = await world.heros("uninstall", "--yes");
  expect(stdout).toContain(`Service removed: ${world.home}/${unit}`);
  expect(await world.homeFiles()).toEqual([".config"]);

  await world.install("1.0.0");
  await put(unit);
  expect((await world.heros("uninstall", "--yes")).stdout).not.toContain("heros-resume");
  expect(await world.homeFiles()).toContain(unit);
});

test("everything of the user's stays, in the same folders too", async () => {
  await put(".local/bin/mine", ".local/share/other/file", ".bashrc", foreignModel);
  await world.install("1.0.0", {}, ["--modify-path"]);
  await put(".local/share/heros/notes", `${model}/blobs/1`, ".local/state/heros/answers.json");
  const ours = /heros\/(?!notes|answers)|share\/(?:bash-completion|fish|man|zsh)/;
  const before = (await world.homeFiles()).filter((file) => !ours.test(file));
  const { status, stdout } = await world.heros("uninstall", "--yes");
  expect(status).toBe(0);
  expect(await world.homeFiles()).toEqual(before.filter((file) => file !== ".local/bin/heros"));
  expect(await readFile(join(world.home, ".bashrc"), "utf8")).toBe(".bashrc\n");
  expect(stdout).toContain("Models stay: 65 B in ");
  expect(stdout).toContain(`Answers and logs stay: ${world.home}/.local/state/heros`);
});

test("what the user put among the versions stays, through upgrades too", async () => {
  const mine = ".local/share/heros/versions/mine/file";
  await put(mine);
  for (const version of ["1.0.0", "1.1.0", "1.2.0"]) await world.install(version);
  expect(await world.versions()).toEqual(["1.1.0", "1.2.0", "mine"]);
  expect((await world.heros("uninstall", "--yes")).status).toBe(0);
  expect(await world.versions()).toEqual(["mine"]);
  expect(await readFile(join(world.home, mine), "utf8")).toBe(mine);
});

test("what can't be removed whole stays whole", async () => {
  await world.install("1.0.0");
  await chmod(world.root, 0o755);
  const before = await world.homeFiles();
  // Another user's, or one of a disk that is only to be read.
  execFileSync("chmod", ["a-w", world.data]);
  const [program, ...args] = asUser([world.launcher, "uninstall", "--yes"]);
  const { status, stderr } = await world.run(program, args);
  execFileSync("chmod", ["u+w", world.data]);
  expect(stderr).toContain("can't be written to (EACCES)");
  expect(status).toBe(4);
  expect(await world.homeFiles()).toEqual(before);
  expect((await world.heros("--version")).stdout).toBe("1.0.0\n");
});

test("--purge takes the catalog's models, answers and logs with it, and nothing else", async () => {
  await put(foreignModel, `${model}/blobs/1`, ".cache/huggingface/hub/.heros/notes");
  await put(".local/state/heros/answers.json", ".local/state/heros/logs/1.jsonl");
  await put(".local/state/heros/mine");
  // Of an image that Docker never got.
  await put(".cache/huggingface/hub/.heros/images/partials/1.heros-partial");
  await world.install("1.0.0");
  expect((await world.heros("uninstall", "--yes", "--purge")).status).toBe(0);
  const files = await world.homeFiles();
  const left = [foreignModel, ".cache/huggingface/hub/.heros/notes", ".local/state/heros/mine"];
  for (const file of left) expect(files).toContain(file);
  expect(
    files.filter((file) => /images|Qwen|answers|logs|\.local\/(?:bin|share)/.test(file)),
  ).toEqual([]);
});

test("with relative XDG folders and a cache of one's own, it finds what is of heros and nothing else", async () => {
  const cacheDir = join(world.home, "my models");
  const own = `${cacheDir}/${basename(model)}/blobs/1`;
  // Below the current folder, where relative ones would lead.
  const mine = ["data/heros/versions/1", "state/heros/answers.json", "cache/heros/install/1"];
  await put(...mine.map((name) => `../${name}`));
  await put("my models/notes", "my models/models--other--model/blobs/1");
  await put(own.slice(world.home.length), `${model}/blobs/1`);
  await put(".local/state/heros/answers.json");
  const answers = { version: 1, finished: true, cacheDir, answers: {} };
  await writeFile(join(world.home, ".local/state/heros/answers.json"), JSON.stringify(answers));
  const env = { XDG_DATA_HOME: "data", XDG_STATE_HOME: "./state", XDG_CACHE_HOME: "cache" };
  const tree = await world.unpack("1.0.0");
  await world.run(join(tree, "bin/heros"), ["release", "install"], env);
  const args = ["uninstall", "--yes", "--purge"];
  expect((await world.run(world.launcher, args, env)).status).toBe(0);
  const files = await world.homeFiles();
  const kept = ["my models/notes", "my models/models--other--model/blobs/1"];
  // The Hub's default is not where this one's models are.
  for (const file of [...kept, `${model}/blobs/1`]) expect(files).toContain(file);
  expect(
    files.filter((file) => /^my models.*Qwen|answers|\.local\/(?:bin|share)/.test(file)),
  ).toEqual([]);
  for (const name of mine)
    expect(await readFile(join(world.root, name), "utf8")).toBe(`../${name}`);
});

test("what was killed or broke off leaves nothing either", async () => {
  await put(".cache/heros/install/heros-1.0.0.tar.xz", ".cache/heros/install/run/in/file");
  await world.install("1.0.0");
  // Process numbers end far below this one.
  const dead = "999999999";
  await put(
    `.local/bin/.heros.heros-${dead}-abc`,
    `.local/share/heros/.manifest.json.heros-${dead}-abc`,
    `.local/share/heros/current.new-${dead}`,
    ".local/share/heros/versions/.removed-0.9.0/half",
    `.local/share/heros/versions/.copy-${dead}/half`,
    ".local/share/heros/downloads/half",
  );
  expect((await world.heros("uninstall", "--yes")).status).toBe(0);
  expect(await world.homeFiles()).toEqual([".cache"]);
});

test("without a terminal it needs --yes, and an installation of another prefix is left alone", async () => {
  await world.install("1.0.0");
  const { status, stderr } = await world.heros("uninstall");
  expect(status).toBe(2);
  expect(stderr).toContain("Add --yes to remove heros and keep its data");

  const prefix = join(world.root, "elsewhere");
  await world.install("1.1.0", {}, ["--prefix", prefix]);
  expect((await world.run(join(prefix, "bin/heros"), ["uninstall", "--yes"])).status).toBe(0);
  expect((await world.heros("--version")).stdout).toBe("1.0.0\n");
  expect(await world.homeFiles()).toContain(".local/bin/heros");
});

test("an installation by install.sh, which has no manifest, goes too", async () => {
  const prefix = join(world.root, "elsewhere");
  await world.install("1.0.0", {}, ["--prefix", prefix]);
  const data = join(prefix, "share/heros");
  for (const name of ["manifest.json", "current/release.json"]) await rm(join(data, name));
  const { status } = await world.run(join(prefix, "bin/heros"), ["uninstall", "--yes"]);
  expect(status).toBe(0);
  // Nobody noted who made the folders.
  const left = await readdir(prefix, { recursive: true, withFileTypes: true });
  expect(left.filter((entry) => !entry.isDirectory())).toEqual([]);
});

test("what runs in the background is named, and keeps the version that it runs from", async () => {
  await world.install("1.0.0");
  const folder = join(world.data, "versions/1.0.0");
  const node = join(folder, "runtime/node");
  const heros = `exec '${process.execPath}' '${folder}/app/bin/heros.js' "$@"`;
  // A program of its own there, as Node is.
  await rm(node);
  await copyFile("/bin/sleep", node);
  await chmod(node, 0o755);
  const { child, ended } = world.start(node, ["600"]);
  const { pid = 0 } = child;
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const run = { version: 1, pid, startTicks, bootId, command: "setup", argv: ["setup"] };
  await put(".local/state/heros/background.json");
  await writeFile(
    join(world.home, ".local/state/heros/background.json"),
    JSON.stringify({ ...run, startedAt: "2026-11-26T12:00:00Z", record: "/nowhere" }),
  );
  try {
    const purged = await world.run("/bin/sh", ["-c", heros, "sh", "uninstall", "--yes", "--purge"]);
    expect(purged.stderr).toContain(`heros setup is running in the background (PID ${pid})`);
    expect(purged.status).toBe(1);
    const { status, stdout } = await world.run("/bin/sh", [
      "-c",
      heros,
      "sh",
      "uninstall",
      "--yes",
    ]);
    expect(stdout.split("\n").slice(1, -1)).toEqual([
      expect.stringMatching(/^Done in /),
      "    heros 1.0.0 is removed.",
      `    Answers and logs stay: ${world.home}/.local/state/heros`,
      `    Still running: heros setup in the background (PID ${pid}). Stop it with: kill ${pid}`,
      `    Kept       ${folder}, because heros still runs from it (PID ${pid}).`,
      `    When that has ended, you can delete ${world.data}/versions.`,
    ]);
    expect(status).toBe(0);
    expect(await world.versions()).toEqual(["1.0.0"]);
    expect(
      (await world.homeFiles()).filter((file) => /\/bin\/|\/share\/heros\//.test(file)),
    ).toEqual([".local/share/heros/versions", ".local/share/heros/versions/1.0.0"]);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
});

function start(): Pty {
  return openPty({
    command: world.launcher,
    args: ["uninstall"],
    cwd: world.root,
    columns: 120,
    env: { HOME: world.home, PATH: `${world.root}:/usr/bin:/bin`, LANG: "C.UTF-8" },
  });
}

test("on a terminal it asks, and Enter alone means no", async () => {
  await put(`${model}/blobs/1`);
  await world.install("1.0.0");
  const first = start();
  await first.waitFor((text) => text.includes("Remove heros 1.0.0?"));
  first.type(keys.enter);
  expect((await first.exit).exitCode).toBe(130);
  expect((await world.heros("--version")).stdout).toBe("1.0.0\n");

  const second = start();
  await second.waitFor((text) => text.includes("Remove heros 1.0.0?"));
  second.type("y\r");
  await second.waitFor((text) => text.includes("Also remove the models"));
  second.type("y\r");
  expect((await second.exit).exitCode).toBe(0);
  expect((await world.homeFiles()).filter((file) => /heros|Qwen/.test(file))).toEqual([]);
});

test("on a terminal it stops Annie, and takes the volumes only after a question of its own", async () => {
  const docker = `#!/bin/sh
case "$*" in
  "compose ps -a --format json") echo '{"Service":"core","Name":"her-os-core-1","State":"running"}' ;;
  "compose config --format json") echo '{"volumes":{"memory":{"name":"her-os_memory"}}}' ;;
  "system df"*) echo '[{"Name":"her-os_memory","Size":"1.2GB"},{"Name":"other","Size":"5GB"}]' ;;
  "compose down"*) echo "$PWD $*" >>'${world.root}/downs' ;;
  "image rm"*) echo "$*" >>'${world.root}/removed' ; exit 1 ;;
  *) exit 1 ;;
esac
`;
  await writeFile(join(world.root, "docker"), docker, { mode: 0o755 });
  await put("her-os/docker-compose.heros.yml");
  for (const [answers, asked] of [
    [["y", ""], []],
    [["y", "y", ""], ["compose down"]],
    [["y", "y", "y"], ["compose down --volumes"]],
  ] as const) {
    await world.install("1.0.0");
    const pty = start();
    const questions = ["Remove heros", "Also stop Annie", "Also remove its volumes"];
    for (const [index, answer] of answers.entries()) {
      await pty.waitFor((text) => text.includes(questions[index] ?? ""));
      pty.type(`${answer}\r`);
    }
    expect((await pty.exit).exitCode).toBe(0);
    const downs = await readFile(join(world.root, "downs"), "utf8").catch(() => "");
    expect(downs).toBe(asked.map((args) => `${world.home}/her-os ${args}\n`).join(""));
    await rm(join(world.root, "downs"), { force: true });
    const kept = asked.length === 0 ? "Still running: her-os-core-1" : "The stack stays";
    expect(pty.everything()).toContain(kept);
  }
  // The image through which volumes are opened, which Docker may not have.
  const removed = await readFile(join(world.root, "removed"), "utf8");
  expect(removed).toBe("image rm heros-volume:1\n".repeat(3));
});
