import { mkdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { read } from "../repo/own-files.ts";
import { ReleaseWorld } from "./release-world.ts";

const manual = "man/man1/heros.1";
const bash = "bash-completion/completions/heros";
const names = [manual, bash, "zsh/site-functions/_heros", "fish/vendor_completions.d/heros.fish"];

let world: ReleaseWorld;
beforeEach(async () => {
  world = await ReleaseWorld.make();
});
afterEach(() => world.remove());

function inHome(name: string): string {
  return join(world.home, ".local/share", name);
}

function page(text: string) {
  return { files: { [`share/${manual}`]: text } };
}

/** Installs a version that has no man page. */
async function installWithoutPage(version: string): Promise<void> {
  const tree = await world.unpack(version);
  await rm(join(tree, "share", manual));
  await world.run(join(tree, "bin/heros"), ["release", "install"]);
}

async function put(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

test("an installation has the man page and the completion scripts where other programs look, and notes it", async () => {
  const { stdout } = await world.install("1.0.0", {}, ["--dry-run"]);
  for (const name of names) expect(stdout).toContain(`Would link ${inHome(name)}\n`);
  await world.install("1.0.0");
  const manifest = await readFile(join(world.data, "manifest.json"), "utf8");
  for (const name of names) {
    expect(await readFile(inHome(name), "utf8")).toBe(await read(`dist/share/${name}`));
    expect(manifest).toContain(`"path": "${inHome(name)}"`);
  }
});

test("they are always those of the current version", async () => {
  const shown = (): Promise<string> => readFile(inHome(manual), "utf8");
  await world.install("1.0.0", page("one"));
  expect(await shown()).toBe("one");
  await world.install("1.1.0", page("two"));
  expect(await shown()).toBe("two");
  await world.heros("upgrade", "--rollback");
  expect(await shown()).toBe("one");
});

test("a version without a man page has no link to one, and the next has it again", async () => {
  await installWithoutPage("1.0.0");
  expect(await world.homeFiles()).not.toContain(`.local/share/${manual}`);
  await world.install("1.1.0", page("two"));
  await world.heros("upgrade", "--rollback");
  expect(await world.homeFiles()).not.toContain(`.local/share/${manual}`);
  await world.heros("upgrade", "--rollback");
  expect(await readFile(inHome(manual), "utf8")).toBe("two");
});

test("a file of the user's stays there, and it is said", async () => {
  await put(inHome(bash), "mine");
  const said = `${inHome(bash)} stays as it is: it is not from heros.`;
  const dry = await world.install("1.0.0", {}, ["--dry-run"]);
  expect(dry.stdout).toContain(`Would leave ${inHome(bash)} as it is: it is not from heros\n`);
  const { status, stdout, stderr } = await world.install("1.0.0");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout.replaceAll(/\s+/g, " ")).toContain(said);
  await world.install("1.1.0");
  await world.heros("upgrade", "--rollback");
  expect((await world.heros("uninstall", "--yes")).status).toBe(0);
  expect(await readFile(inHome(bash), "utf8")).toBe("mine");
  expect(await world.homeFiles()).not.toContain(`.local/share/${manual}`);
});

test("one that the user put in place of a link stays when heros goes", async () => {
  await world.install("1.0.0");
  await rm(inHome(bash));
  await put(inHome(bash), "mine");
  const { stdout } = await world.heros("uninstall", "--yes");
  expect(stdout.replaceAll(/\s+/g, " ")).toContain(
    `${inHome(bash)}, because it is not from heros.`,
  );
  expect(await readFile(inHome(bash), "utf8")).toBe("mine");
});

test("where one can't be put, heros is installed all the same", async () => {
  await put(inHome("man"), "no folder");
  const { status, stdout } = await world.install("1.0.0");
  expect(status).toBe(0);
  expect(stdout.replaceAll(/\s+/g, " ")).toContain(`${inHome(manual)} can't be created (ENOTDIR).`);
  expect((await world.heros("--version")).stdout).toBe("1.0.0\n");
  expect(await world.homeFiles()).toContain(`.local/share/${bash}`);
});

test("bash and fish have theirs in XDG_DATA_HOME, man beside the launcher; the last installation has the links", async () => {
  await world.install("1.0.0");
  const xdg = join(world.root, "data");
  const heros = join(await world.unpack("1.1.0"), "bin/heros");
  await world.run(heros, ["release", "install"], { XDG_DATA_HOME: xdg });
  expect(await readlink(join(xdg, bash))).toBe(join(xdg, "heros/current/share", bash));
  expect(await readlink(inHome(manual))).toBe(join(xdg, "heros/current/share", manual));
  // The first one leaves what is the other's now.
  const first = join(world.data, "current/bin/heros");
  const { stdout } = await world.run(first, ["uninstall", "--yes"]);
  expect(stdout.replaceAll(/\s+/g, " ")).toContain(
    `${inHome(manual)}, because it is from another installation.`,
  );
  expect(await readlink(inHome(manual))).toBe(join(xdg, "heros/current/share", manual));
  expect(await world.homeFiles()).not.toContain(`.local/share/${bash}`);
});

test("a home folder behind a link is no other installation", async () => {
  const link = join(world.root, "link");
  await symlink(world.home, link);
  const heros = join(await world.unpack("1.0.0"), "bin/heros");
  await world.run(heros, ["release", "install"], { HOME: link });
  await world.run(join(link, ".local/bin/heros"), ["uninstall", "--yes"], { HOME: link });
  expect(await world.homeFiles()).toEqual([]);
});
