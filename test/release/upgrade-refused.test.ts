// Nothing is installed in any of these, so that all share one installation.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { link, mkdir, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type ReleaseServer, startReleaseServer } from "./release-server.ts";
import { expectUntouched, platform, ReleaseWorld, type TreeOptions } from "./release-world.ts";

let world: ReleaseWorld;
let server: ReleaseServer;
beforeAll(async () => {
  world = await ReleaseWorld.make();
  server = await startReleaseServer(world);
  await world.install("1.0.0", { files: server.files });
});
afterAll(async () => {
  await server.close();
  await world.remove();
});

beforeEach(() => {
  server.content.clear();
  server.faults.clear();
});

const latest = "latest/download";

test("an older version is installed only where it is named", async () => {
  await server.publish("0.9.0", [latest]);
  expect(await world.upgrade()).toMatchObject({ status: 1, code: "release.older" });
  await expectUntouched(world);
});

test.each([
  ["another key", 6, "release.bad_signature"],
  ["a signature of other sums", 6, "release.bad_signature"],
  ["no signature", 5, "release.not_found"],
  ["an empty signature", 6, "release.bad_signature"],
  ["sums with a changed byte", 6, "release.bad_signature"],
  ["sums without end", 5, "release.unreachable"],
  ["a web page for the sums", 6, "release.bad_signature"],
  ["a tarball with a changed byte", 6, "release.hash_mismatch"],
  ["old sums beside a new tarball", 6, "release.hash_mismatch"],
  ["no tarball", 5, "release.not_found"],
  ["sums of another version", 6, "release.wrong_version"],
  ["nothing for this platform", 4, "release.no_platform"],
  ["a redirect to an address off this machine without TLS", 5, "release.unreachable"],
])("%s: nothing is installed", async (what, status, code) => {
  const key = what === "another key" ? "foreign" : "current";
  const name = await server.publish("1.1.0", [latest], { key });
  const { content, faults } = server;
  const [sums, sig, tarball] = ["SHA256SUMS", "SHA256SUMS.sig", name].map(
    (file) => `${latest}/${file}`,
  ) as [string, string, string];
  const own = content.get(sums)?.toString() ?? "";
  const flipped = Buffer.from(content.get(tarball) ?? "");
  flipped[1000] = (flipped[1000] ?? 0) ^ 1;
  const args: string[] = [];
  switch (what) {
    case "a signature of other sums":
      content.set(sig, Buffer.from(await server.sign(`${own}\n`)));
      break;
    case "no signature":
      content.delete(sig);
      break;
    case "an empty signature":
      content.set(sig, Buffer.alloc(0));
      break;
    case "sums with a changed byte":
      content.set(sums, Buffer.from(own.replace("1.1.0", "1.1.1")));
      break;
    case "sums without end":
      content.set(sums, Buffer.alloc(100_000, "#"));
      break;
    case "a web page for the sums":
      content.set(sums, Buffer.from("<html>sign in</html>"));
      break;
    case "a tarball with a changed byte":
      content.set(tarball, flipped);
      break;
    case "old sums beside a new tarball":
      await server.publish("1.1.0", ["other"], { commit: "rebuilt" });
      content.set(tarball, content.get(`other/${name}`) ?? Buffer.alloc(0));
      break;
    case "no tarball":
      content.delete(tarball);
      break;
    case "sums of another version":
      for (const file of [sums, sig, tarball]) {
        const bytes = content.get(file) ?? Buffer.alloc(0);
        content.set(file.replace(latest, "download/v1.3.0"), bytes);
      }
      args.push("--version", "1.3.0");
      break;
    case "nothing for this platform": {
      const others = own.replaceAll(platform, "linux-s390x");
      content.set(sums, Buffer.from(others));
      content.set(sig, Buffer.from(await server.sign(others)));
      break;
    }
    case "a redirect to an address off this machine without TLS":
      faults.set(tarball, (_request, response) =>
        response.writeHead(302, { location: "http://192.0.2.1/heros" }).end(),
      );
      break;
    default:
  }
  expect(await world.upgrade(...args)).toMatchObject({ status, code });
  await expectUntouched(world);
});

test("without ssh-keygen nothing is installed", async () => {
  await server.publish("1.1.0", [latest]);
  const bin = join(world.root, "bin");
  await mkdir(bin);
  for (const tool of ["sh", "tar", "xz", "perl", "dirname"]) {
    await symlink(join("/usr/bin", tool), join(bin, tool));
  }
  const { status, stderr } = await world.run(world.launcher, ["upgrade"], { PATH: bin });
  expect(status).toBe(6);
  expect(stderr).toContain("ssh-keygen is missing");
  await expectUntouched(world);
});

test.each([
  ["a name with ..", ["-P", "--transform", "s,LICENSE$,../LICENSE,"]],
  ["an absolute name", ["-P", "--transform", "s,^heros.*LICENSE$,/dev/shm/heros-escaped,"]],
  ["a file beside its folder", ["--transform", "s,^heros.*LICENSE$,other,"]],
  ["a symbolic link", []],
  ["a hard link", []],
  ["a pipe", []],
])("a signed tarball with %s is not unpacked", async (what, more) => {
  await server.publish("1.1.0", [latest], {
    async pack(tree) {
      const extra = join(tree, "extra");
      if (what === "a symbolic link") await symlink("/etc", extra);
      if (what === "a hard link") await link(join(tree, "LICENSE"), extra);
      if (what === "a pipe") execFileSync("mkfifo", [extra]);
      return [...more, "-C", dirname(tree), basename(tree)];
    },
  });
  expect(await world.upgrade()).toMatchObject({ status: 6, code: "release.bad_archive" });
  expect(existsSync("/dev/shm/heros-escaped")).toBe(false);
  await expectUntouched(world);
});

const whole = `exec '${process.execPath}' "$@"`;

test.each<[string, TreeOptions, string]>([
  ["that ends with 1", { runtime: "echo no luck >&2; exit 1" }, "no luck."],
  ["that ends with 1 in silence", { runtime: "exit 1" }, "it ended with status 1."],
  [
    "whose bundle is broken",
    { files: { "app/dist/cli/main.js": "this is no program" } },
    "heros doctor: heros can't be loaded: Unexpected identifier 'is'.",
  ],
  [
    "that is another one",
    { runtime: `case "$*" in *--version) echo 9.9.9 ;; *) ${whole} ;; esac` },
    "it says that it is 9.9.9.",
  ],
  [
    "whose doctor has no JSON",
    { runtime: `case "$*" in *doctor*) echo all is well ;; *) ${whole} ;; esac` },
    "heros doctor: all is well.",
  ],
  [
    "whose own installation ends without a word",
    { runtime: `case "$*" in *install*) exit 0 ;; *) ${whole} ;; esac` },
    "it exited without an error message.",
  ],
])("a version %s is not switched to, and nothing of it stays", async (_what, options, why) => {
  const { files, ...others } = options;
  const own = { ...others, files: { ...server.files, ...files } };
  await server.publish("1.1.0", [latest], own);
  const before = await world.homeFiles();
  const { status, stderr } = await world.heros("upgrade");
  expect(stderr).toContain(`heros 1.1.0 does not start on this machine: ${why}\n`);
  expect(stderr).toContain(
    "It was not installed. The version that was installed before still works.",
  );
  expect(status).toBe(1);
  await expectUntouched(world);
  const after = await world.homeFiles();
  expect(after.filter((file) => !before.includes(file) && !file.endsWith("/upgrade.lock"))).toEqual(
    [],
  );
});

test("what heros has not is told: an unknown version", async () => {
  expect(await world.upgrade("--version", "7.0.0")).toMatchObject({
    status: 5,
    code: "release.not_found",
  });
  expect((await world.heros("upgrade", "--version", "../x")).status).toBe(2);
  for (const base of ["http://127.0.0.1.example.com", "http://127.0.0.1@example.com", "ftp://x"]) {
    const { status, stderr } = await world.run(world.launcher, ["upgrade"], {
      HEROS_BASE_URL: base,
    });
    expect(stderr).toContain(`not an https address: ${base}`);
    expect(status).toBe(2);
  }
  expect((await world.heros("upgrade", "--rollback", "--check")).status).toBe(2);
});
