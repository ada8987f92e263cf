import { execFileSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { World } from "./world.ts";

let world: World;
beforeEach(async () => {
  world = await World.make();
});
afterEach(() => world.remove());

const only = { args: ["--no-setup"] };

test("it installs a launcher that runs the version on the Node it brought", async () => {
  const { status, stdout, stderr } = await world.run(only);
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(stderr).toContain(`heros 1.2.3 is installed: ${world.home}/.local/bin/heros`);
  expect(stderr).toContain(`export PATH=${world.home}/.local/bin:"$PATH"`);
  expect((await world.heros("--version")).stdout).toBe("1.2.3\n");
  expect(await world.npmCalls()).toEqual(["pack", "ci"]);
});

test("the checkout stays as it was, and the installed program has no sources", async () => {
  const listing = () => execFileSync("find", [world.checkout], { encoding: "utf8" });
  const before = listing();
  await world.run(only);
  expect(listing()).toBe(before);
  const files = await world.homeFiles();
  expect(files.filter((path) => /^\.cache|\/(src|scripts)(\/|$)/.test(path))).toEqual([]);
  expect(files.some((path) => path.endsWith("/app/bin/heros.js"))).toBe(true);
});

test("it goes on with heros setup and hands it every flag, whatever is in them", async () => {
  const { status, stdout } = await world.run({
    args: ["--demo", "--yes", "--stack-dir", "a b'c", "--tiers=1,2"],
  });
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    args: ["setup", "--demo", "--yes", "--stack-dir", "a b'c", "--tiers=1,2"],
    tty: false,
  });
});

test("spaces and quotes in the home folder do no harm", async () => {
  const other = await World.make(`it's a "home" $HOME`);
  try {
    expect((await other.run(only)).status).toBe(0);
    expect((await other.heros("--version")).stdout).toBe("1.2.3\n");
  } finally {
    await other.remove();
  }
});

test("XDG_DATA_HOME and --prefix choose the folders", async () => {
  const xdg = join(world.root, "data");
  await world.run({ ...only, env: { XDG_DATA_HOME: xdg } });
  expect((await stat(join(xdg, "heros/current/app"))).isDirectory()).toBe(true);
  await world.run({ args: ["--no-setup", "--prefix", "some where"], env: { XDG_DATA_HOME: xdg } });
  const launcher = join(world.root, "some where/bin/heros");
  expect((await world.run({ file: launcher, args: ["--version"] })).stdout).toBe("1.2.3\n");
});

test("a relative XDG_DATA_HOME does not count, and no token is shown to what builds", async () => {
  const cwd = join(world.root, "elsewhere");
  await mkdir(cwd);
  const env = { XDG_DATA_HOME: "./data", HF_TOKEN: "hf_secret" };
  const { status, stdout } = await world.run({ args: ["--yes"], cwd, env });
  expect(status).toBe(0);
  expect(await readdir(cwd)).toEqual([]);
  const launcher = await readFile(join(world.home, ".local/bin/heros"), "utf8");
  expect(launcher).toContain(`exec '${world.home}/.local/share/heros/`);
  expect(await readFile(join(world.root, "npm-tokens"), "utf8")).toMatch(/^(none\n)+$/);
  expect(JSON.parse(stdout)).toMatchObject({ args: ["setup", "--yes"], token: "hf_secret" });
});

test("a second run with the same sources builds and changes nothing", async () => {
  await world.run(only);
  const listing = () =>
    execFileSync("find", [join(world.home, ".local"), "-printf", "%p %T@ %i\n"], {
      encoding: "utf8",
    });
  const [before, calls] = [listing(), await world.npmCalls()];
  const { status, stderr } = await world.run(only);
  expect(status).toBe(0);
  expect(stderr).toContain("heros 1.2.3 is already installed");
  expect(listing()).toBe(before);
  expect(await world.npmCalls()).toEqual(calls);
});

test("a damaged installation is built again", async () => {
  await world.run(only);
  await rm(join(world.data, "current/runtime/node"));
  await world.run(only);
  expect((await world.heros("--version")).stdout).toBe("1.2.3\n");
});

test("other sources become another version; the one before is kept, older ones are not", async () => {
  const seen: string[] = [];
  for (const text of ["export const a = 1;\n", "export const a = 2;\n", "export const a = 3;\n"]) {
    await world.edit(text);
    await world.run(only);
    seen.push((await world.current()).replace("versions/", ""));
  }
  expect(new Set(seen).size).toBe(3);
  expect((await world.versions()).toSorted()).toEqual(seen.slice(1).toSorted());

  expect((await world.run({ args: ["--rollback"] })).status).toBe(0);
  expect(await world.current()).toBe(`versions/${seen[1]}`);
  expect((await world.heros("--version")).stdout).toBe("1.2.3\n");
});

test("a current version that does not start is no obstacle to going back", async () => {
  await world.run(only);
  await world.edit("export const a = 2;\n");
  await world.run(only);
  await rm(join(world.data, "current/runtime/node"));
  expect((await world.run({ args: ["--rollback"] })).status).toBe(0);
  expect((await world.heros("--version")).stdout).toBe("1.2.3\n");
});

test("without an earlier version there is nothing to go back to", async () => {
  await world.run(only);
  const { status, stderr } = await world.run({ args: ["--rollback"] });
  expect(status).toBe(1);
  expect(stderr).toContain("no earlier version");
});

test("where nothing is installed there is nothing to go back from", async () => {
  const { status, stdout, stderr } = await world.run({ args: ["--rollback"] });
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toContain(`not installed at ${join(world.home, ".local/share/heros")}`);
  expect(await world.homeFiles()).toEqual([]);
});

test("uninstalling removes the program, and leaves models, stack, answers and other programs", async () => {
  const kept = [
    "her-os/.env",
    ".cache/huggingface/hub/x",
    ".local/state/heros/answers",
    ".local/bin/other",
  ];
  for (const path of kept) {
    await mkdir(join(world.home, path, ".."), { recursive: true });
    await writeFile(join(world.home, path), "mine");
  }
  const before = await world.homeFiles();
  await world.run(only);
  const { status, stdout } = await world.run({ args: ["--uninstall"] });
  expect(status).toBe(0);
  expect(stdout).toContain("heros 1.2.3 is removed");
  expect((await world.homeFiles()).filter((path) => path !== ".local/share")).toEqual(before);
  expect((await world.run({ args: ["--uninstall"] })).stderr).toContain("not installed");
});

test("--dry-run of a removal and of a way back names the command, and changes nothing", async () => {
  await world.run(only);
  const before = await world.homeFiles();
  for (const [flag, command] of [
    ["--uninstall", "uninstall --yes"],
    ["--rollback", "upgrade --rollback"],
  ] as const) {
    const { status, stderr } = await world.run({ args: [flag, "--dry-run"] });
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: `Would run ${world.home}/.local/share/heros/current/bin/heros ${command}\n`,
    });
  }
  expect(await world.homeFiles()).toEqual(before);
});

test("without its launcher it is removed too; without its versions it says what to do", async () => {
  await world.run(only);
  await rm(join(world.home, ".local/bin/heros"));
  const { status, stdout } = await world.run({ args: ["--uninstall"] });
  expect(stdout).toContain("is removed");
  expect(status).toBe(0);
  await world.run(only);
  await rm(join(world.home, ".local/share/heros"), { recursive: true });
  for (const flag of ["--uninstall", "--rollback"]) {
    const broken = await world.run({ args: [flag] });
    expect(broken.stderr).toContain("What is left of heros does not start.");
    expect(broken.status).toBe(1);
  }
});

test("with --no-setup an unknown flag is refused, too", async () => {
  const { status, stderr } = await world.run({ args: ["--no-setup", "--modfy-path"] });
  expect(stderr).toContain("--modfy-path");
  expect(status).toBe(2);
  expect(await world.homeFiles()).toEqual([]);
});

test("a prefix that was not there is not there any more once heros is removed", async () => {
  const prefix = join(world.root, "new/pre fix");
  await world.run({ args: ["--no-setup", "--prefix", prefix] });
  expect((await world.run({ args: ["--uninstall", "--prefix", prefix] })).status).toBe(0);
  await expect(stat(join(world.root, "new"))).rejects.toThrow("ENOENT");

  // Of a folder that was there, all that was in it stays.
  await mkdir(join(prefix, "share"), { recursive: true });
  await world.run({ args: ["--no-setup", "--prefix", prefix] });
  expect((await world.run({ args: ["--uninstall", "--prefix", prefix] })).status).toBe(0);
  expect((await stat(join(prefix, "share"))).isDirectory()).toBe(true);
});

test("a heros of another origin is left alone", async () => {
  const foreign = join(world.home, ".local/bin/heros");
  await mkdir(join(foreign, ".."), { recursive: true });
  await writeFile(foreign, "#!/bin/sh\necho mine\n", { mode: 0o755 });
  const { status, stderr } = await world.run(only);
  expect(status).toBe(4);
  expect(stderr).toContain("is not from heros");
  expect((await world.run({ args: ["--uninstall"] })).stdout).toBe("");
  expect(await readFile(foreign, "utf8")).toBe("#!/bin/sh\necho mine\n");
});

test.each([
  ["a folder", async () => world.checkout],
  ["an archive", async () => archive()],
  [
    "a git repository",
    async () => {
      const identity = ["-c", "user.name=a", "-c", "user.email=a@b.invalid"];
      execFileSync("git", ["init", "-q"], { cwd: world.checkout });
      execFileSync("git", ["add", "."], { cwd: world.checkout });
      execFileSync("git", [...identity, "commit", "-q", "-m", "x"], { cwd: world.checkout });
      return `file://${world.checkout}`;
    },
  ],
])("piped into sh, the sources may be %s", async (_what, make) => {
  const piped = await readFile(join(world.checkout, "install.sh"), "utf8");
  const { status, stderr } = await world.run({
    ...only,
    piped,
    env: { HEROS_SOURCE: await make() },
  });
  expect(stderr).toContain("heros 1.2.3 is installed");
  expect(status).toBe(0);
  expect((await world.heros("--version")).stdout).toBe("1.2.3\n");
});

test("an archive of another hash is refused", async () => {
  const env = { HEROS_SOURCE: archive(), HEROS_SOURCE_SHA256: "0".repeat(64) };
  const { status, stderr } = await world.run({ ...only, env });
  expect(stderr).toContain("doesn't match HEROS_SOURCE_SHA256");
  expect(status).toBe(6);
});

test("it runs from a link to the checkout's folder", async () => {
  await symlink(world.checkout, join(world.root, "link"));
  expect(
    (await world.run({ ...only, cwd: join(world.root, "link"), file: "install.sh" })).status,
  ).toBe(0);
});

test("it does not depend on the file mode of what it installs", async () => {
  await chmod(join(world.checkout, "bin/heros.js"), 0o644);
  await world.run(only);
  expect((await world.heros("--version")).stdout).toBe("1.2.3\n");
});

function archive(): string {
  const path = join(world.root, "heros.tar.gz");
  execFileSync("tar", ["-czf", path, "-C", world.root, "check out"]);
  return path;
}
