import { createHash } from "node:crypto";
import { cp, mkdir, readdir, truncate, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answer, type ReleaseServer, startReleaseServer } from "./release-server.ts";
import { expectUntouched, ReleaseWorld } from "./release-world.ts";

let world: ReleaseWorld;
let server: ReleaseServer;
beforeEach(async () => {
  world = await ReleaseWorld.make();
  server = await startReleaseServer(world);
  await world.install("1.0.0", { files: server.files });
});
afterEach(async () => {
  await server.close();
  await world.remove();
});

const latest = "latest/download";

test("it installs the newest version, and its own roll-back goes back", async () => {
  await server.publish("1.1.0", [latest]);
  const { status, stdout } = await world.heros("upgrade");
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: expect.stringContaining("Upgraded heros 1.0.0 to 1.1.0.") as string,
  });
  expect((await world.heros("--version")).stdout).toBe("1.1.0\n");
  expect(await world.homeFiles()).not.toContain(".local/share/heros/downloads");
  await world.heros("upgrade", "--rollback");
  expect((await world.heros("--version")).stdout).toBe("1.0.0\n");
});

test("--check tells both versions and changes nothing", async () => {
  await server.publish("1.1.0", [latest], { key: "next" });
  const { status, events } = await world.upgrade("--check");
  expect(status).toBe(0);
  expect(events.map((line) => JSON.parse(line) as unknown)).toContainEqual(
    expect.objectContaining({ type: "upgrade.checked", current: "1.0.0", latest: "1.1.0" }),
  );
  expect(server.asked.filter((path) => path.includes(".tar."))).toEqual([]);
  await expectUntouched(world);
});

test("channels, a version that is named, and the newest one already installed", async () => {
  await server.publish("1.0.0", [latest]);
  expect(await world.upgrade()).toMatchObject({ status: 0, code: "run.succeeded" });
  await expectUntouched(world);
  await server.publish("1.2.0-beta.1", ["download/beta"]);
  expect((await world.upgrade("--channel", "beta")).status).toBe(0);
  // From now on its own channel is the beta's.
  await server.publish("1.2.0-beta.2", ["download/beta"]);
  expect((await world.upgrade()).status).toBe(0);
  expect((await world.heros("--version")).stdout).toBe("1.2.0-beta.2\n");
  await server.publish("0.9.0", ["download/v0.9.0"]);
  expect((await world.upgrade("--version", "v0.9.0")).status).toBe(0);
  expect((await world.heros("--version")).stdout).toBe("0.9.0\n");
});

test("a beta is followed by its release, and an older beta is not installed", async () => {
  await server.publish("1.2.0-beta.1", ["download/beta"]);
  expect((await world.upgrade("--channel", "beta")).status).toBe(0);
  await server.publish("1.2.0", [latest]);
  const { stdout } = await world.heros("upgrade", "--check");
  expect(stdout).toContain("Installed: heros 1.2.0-beta.1. Available: heros 1.2.0.");
  expect(stdout).toContain("To install it: heros upgrade\n");
  expect((await world.upgrade()).status).toBe(0);
  expect((await world.heros("version")).stdout).toContain("Channel:   stable");
  const back = await world.heros("upgrade", "--channel", "beta", "--check");
  expect(back.stdout).toContain("heros 1.2.0 is already installed.");
  server.content.delete(`${latest}/SHA256SUMS`);
  expect(await world.upgrade("--channel", "beta")).toMatchObject({ code: "release.older" });
});

test("it says what changes, and where all of it stands", async () => {
  const sections = [
    "1.2.0\n\n- Not yet.",
    "1.1.0 (2026-12-24)\n\n- `heros` sings.\n",
    "1.0.0\n\n- Old.",
  ];
  const changelog = `# Changes\n\n## ${sections.join("\n## ")}\n`;
  await server.publish("1.1.0", [latest], { files: { "app/CHANGELOG.md": changelog } });
  const { stdout } = await world.heros("upgrade");
  expect(stdout.split("\n").filter((line) => !line.startsWith("Downloaded: "))).toEqual([
    "heros 1.0.0: looking for a newer version.",
    "Installed: heros 1.0.0. Available: heros 1.1.0.",
    "heros 1.1.0 is downloaded and verified. Unpacking it and checking that it starts.",
    "Changes from heros 1.0.0 to 1.1.0:",
    "    1.1.0 (2026-12-24)",
    "    - heros sings.",
    expect.stringMatching(/^Done in /),
    "    Upgraded heros 1.0.0 to 1.1.0.",
    "    Your answers, the models and the stack are unchanged.",
    `    All changes: ${world.data}/current/app/CHANGELOG.md`,
    "    To go back: heros upgrade --rollback",
    "",
  ]);
});

test("foreign owners and open permissions in a tarball are not taken over", async () => {
  await server.publish("1.1.0", [latest], {
    pack: (tree) => {
      const strange = ["--owner=1234", "--group=1234", "--mode=a+rwX"];
      return Promise.resolve([...strange, "-C", dirname(tree), basename(tree)]);
    },
  });
  const script = 'umask 000; exec "$0" upgrade';
  expect((await world.run("/bin/sh", ["-c", script, world.launcher])).status).toBe(0);
  const of = (...tests: string[]) => world.run("find", [`${world.data}/versions/1.1.0`, ...tests]);
  expect((await of("-perm", "-002")).stdout).toBe("");
  expect((await of("!", "-user", String(process.getuid?.()))).stdout).toBe("");
});

test("answers that are cut are asked for again", async () => {
  const name = await server.publish("1.1.0", [latest]);
  let cuts = 0;
  for (const file of ["SHA256SUMS", name]) {
    server.faults.set(`${latest}/${file}`, (request, response, bytes) => {
      cuts += 1;
      if (cuts > 4) return answer(request, response, bytes);
      response.writeHead(200, { "content-length": bytes.length });
      response.write(bytes.subarray(0, bytes.length * (0.3 * (1 + (cuts % 3)))), () =>
        response.destroy(),
      );
    });
  }
  expect(await world.upgrade()).toMatchObject({ status: 0, code: "run.succeeded" });
  expect((await world.heros("--version")).stdout).toBe("1.1.0\n");
});

/** As an upgrade that was stopped left it. @returns the folder that it is in */
async function putDownload(name: string, changed: (bytes: Buffer) => Buffer): Promise<string> {
  const bytes = server.content.get(`${latest}/${name}`) ?? Buffer.alloc(0);
  const hash = createHash("sha256").update(bytes).digest("hex");
  const folder = join(world.data, "downloads", hash.slice(0, 16));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), changed(bytes));
  return folder;
}

test("what is left of a release that was published twice is not taken for it", async () => {
  const name = await server.publish("1.1.0", [latest]);
  const folder = await putDownload(name, (bytes) => bytes);
  await server.publish("1.1.0", [latest], { commit: "rebuilt" });
  // Of the same length, by chance.
  const size = server.content.get(`${latest}/${name}`)?.length ?? 0;
  await truncate(join(folder, name), size);
  expect(await world.upgrade()).toMatchObject({ status: 0, code: "run.succeeded" });
});

test("a tarball that is there already is verified, and not downloaded again", async () => {
  const name = await server.publish("1.1.0", [latest]);
  await putDownload(name, (bytes) => {
    const other = Buffer.from(bytes);
    other.writeUInt8(other.readUInt8(1000) ^ 1, 1000);
    return other;
  });
  expect(await world.upgrade()).toMatchObject({ status: 6, code: "release.hash_mismatch" });
  await expectUntouched(world);
  await putDownload(name, (bytes) => bytes);
  expect(await world.upgrade()).toMatchObject({ status: 0, code: "run.succeeded" });
  // Each time one byte, which tells the size.
  const asked = server.asked.filter((line) => line.includes(".tar."));
  expect(asked).toEqual([`${latest}/${name} bytes=0-0`, `${latest}/${name} bytes=0-0`]);
});

test("a TMPDIR that is not there is no obstacle", async () => {
  await world.install("1.0.0", { files: server.files });
  await server.publish("1.1.0", [latest]);
  const env = { TMPDIR: join(world.root, "nowhere") };
  expect((await world.run(world.launcher, ["upgrade", "--check"], env)).status).toBe(0);
});

test("HEROS_BASE_URL is asked in the place of the release's own address", async () => {
  await server.publish("1.1.0", [`mirror/${latest}`]);
  const env = { HEROS_BASE_URL: `${server.base}/mirror/` };
  expect((await world.run(world.launcher, ["upgrade"], env)).status).toBe(0);
  expect((await world.heros("--version")).stdout).toBe("1.1.0\n");
  const wrong = await world.run(world.launcher, ["upgrade"], { HEROS_BASE_URL: "ftp://x" });
  expect(wrong.status).toBe(2);
});

test("what npm or npx installed names the command of theirs", async () => {
  for (const [place, hint] of [
    ["lib/node_modules/heros", "Upgrade it with: npm i -g heros@latest."],
    [".npm/_npx/0f1e2d3c/node_modules/heros", "The newest version: npx heros@latest"],
  ] as const) {
    const folder = join(world.root, place);
    await cp(join(world.data, "current/app"), folder, { recursive: true });
    for (const args of [["upgrade"], ["upgrade", "--rollback"]]) {
      const program = [join(folder, "bin/heros.js"), ...args];
      const { status, stderr } = await world.run(process.execPath, program);
      expect(status).toBe(2);
      expect(stderr).toContain(`The heros in ${folder} was installed by npm.`);
      expect(stderr).toContain(hint);
    }
  }
});

test("what was built from a checkout says how it is renewed", async () => {
  const other = await ReleaseWorld.make();
  try {
    await other.install("1.0.0");
    const { status, stderr } = await other.heros("upgrade");
    expect(status).toBe(2);
    expect(stderr).toContain("update the checkout and run there: sh install.sh");
  } finally {
    await other.remove();
  }
});

test("installations below a prefix and below XDG_DATA_HOME stay where they are", async () => {
  await server.publish("1.1.0", [latest]);
  const prefix = join(world.root, "pre fix");
  await world.install("1.0.0", { files: server.files }, ["--prefix", prefix]);
  const launcher = join(prefix, "bin/heros");
  expect((await world.run(launcher, ["upgrade"])).status).toBe(0);
  expect((await world.run(launcher, ["--version"])).stdout).toBe("1.1.0\n");
  await expectUntouched(world);

  const tree = await world.unpack("1.0.1", { files: server.files });
  const env = { XDG_DATA_HOME: join(world.root, "xdg") };
  await world.run(join(tree, "bin/heros"), ["release", "install"], env);
  expect((await world.heros("upgrade")).status).toBe(0);
  expect((await world.heros("--version")).stdout).toBe("1.1.0\n");
  expect(await readdir(join(env.XDG_DATA_HOME, "heros/versions"))).toEqual(["1.0.1", "1.1.0"]);
});
