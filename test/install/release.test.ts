import { execFileSync } from "node:child_process";
import { cp, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { platform, ReleaseServer, tarball } from "./release-server.ts";
import { shells, World } from "./world.ts";

let server: ReleaseServer;
let piped: string;
beforeAll(async () => {
  server = await ReleaseServer.start();
  piped = await server.text("install.sh");
});
afterAll(() => server.stop());

let world: World;
beforeEach(async () => {
  await server.reset();
  world = await World.make();
  await rm(join(world.bin, "npm"));
});
afterEach(() => world.remove());

function pathOf(program: string): string {
  return execFileSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).trim();
}

/** Installs as `curl … | sh -s -- --no-setup` does. */
function install(...args: readonly string[]) {
  return world.run({ piped, args: ["--no-setup", ...args] });
}

async function use(program: "curl" | "wget"): Promise<void> {
  for (const other of ["curl", "wget"]) await rm(join(world.bin, other), { force: true });
  await writeFile(join(world.bin, program), `#!/bin/sh\nexec ${pathOf(program)} "$@"\n`, {
    mode: 0o755,
  });
}

describe.each(shells)("by %s %s", (name = "sh", ...options) => {
  test.each(["curl", "wget"] as const)("with %s alone", async (program) => {
    await use(program);
    const shell = [pathOf(name), ...options];
    const { status, stdout, stderr } = await world.run({ piped, shell, args: ["--no-setup"] });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toContain(`Verified ${tarball("xz")}`);
    expect(stderr).toContain(`heros 0.1.0 is installed: ${world.home}/.local/bin/heros`);
    expect((await world.heros("--version")).stdout).toBe("0.1.0\n");
    // No download is left, and no folder that was made for it.
    expect((await world.homeFiles()).filter((path) => path.startsWith(".cache"))).toEqual([]);
  });
});

test("without xz it takes the other packing", async () => {
  await rm(join(world.bin, "xz"));
  expect((await install()).stderr).toContain(`Verified ${tarball("gz")}`);
  expect((await world.heros("--version")).stdout).toBe("0.1.0\n");
});

test("without xz, --from takes the other packing, and says so", async () => {
  await rm(join(world.bin, "xz"));
  const from = (packing: "xz" | "gz") =>
    install("--from", join(server.folder, "out", tarball(packing)));
  const { status, stderr } = await from("xz");
  expect(stderr).toContain("tar.xz needs xz.\n  Install xz-utils, or use the .tar.gz.");
  expect(status).toBe(4);
  expect(await world.homeFiles()).toEqual([]);
  expect((await from("gz")).status).toBe(0);
  expect((await world.heros("--version")).stdout).toBe("0.1.0\n");
});

test.each(["curl", "wget"] as const)("%s resumes where the server cuts", async (program) => {
  await use(program);
  server.cuts = [0.3, 0.6, 0.9];
  expect((await install()).status).toBe(0);
  const ranges = server.asked.filter(({ url }) => url.includes("heros-")).map(({ range }) => range);
  const size = server.files.get(tarball("xz"))?.length ?? 0;
  const from = (part: number): string => `bytes=${Math.floor(size * part)}-`;
  expect(ranges).toEqual([undefined, from(0.3), from(0.6), from(0.9)]);
});

test.each(["curl", "wget"] as const)(
  "where %s finds no tarball, it leaves no empty one",
  async (program) => {
    await use(program);
    server.files.delete(tarball("xz"));
    expect((await install()).status).toBe(5);
    expect(await world.homeFiles()).toEqual([]);
  },
);

test("a download that was given up goes on in the next run, and leaves nothing", async () => {
  server.cuts = [0.3, 0.3, 0.3, 0.3];
  const { status, stderr } = await install();
  expect(stderr).toContain("could not be downloaded");
  expect(status).toBe(5);
  expect(await world.homeFiles()).toContain(`.cache/heros/install/${tarball("xz")}`);
  server.asked.length = 0;
  expect((await install()).status).toBe(0);
  expect(server.asked.at(-1)?.range).toMatch(/^bytes=[1-9]/u);
  expect(await world.homeFiles()).not.toContain(".cache/heros");
});

test("the key of the next time may sign, too", async () => {
  await server.sign(await server.text("SHA256SUMS"), "next");
  expect((await install()).status).toBe(0);
});

test("HEROS_VERSION picks a version, HEROS_BASE_URL a mirror", async () => {
  const elsewhere = piped.replace(
    /^release_base='.*'$/mu,
    "release_base='https://nowhere.invalid'",
  );
  const env = { HEROS_VERSION: "v0.1.0", HEROS_BASE_URL: `${server.base}/` };
  const { status } = await world.run({ piped: elsewhere, args: ["--no-setup"], env });
  expect(status).toBe(0);
  expect(server.asked[0]?.url).toBe("/download/v0.1.0/SHA256SUMS");
});

test("an older release that is served as the latest is refused, and installed by its version", async () => {
  await install();
  const file = join(world.data, "current/app/package.json");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace('"version": "0.1.0"', '"version": "0.2.0"'));
  const { status, stderr } = await install();
  expect(stderr).toContain("heros 0.1.0 is older than the installed heros 0.2.0");
  expect(status).toBe(1);
  expect((await world.heros("--version")).stdout).toBe("0.2.0\n");
  const named = await world.run({
    piped,
    args: ["--no-setup"],
    env: { HEROS_VERSION: "0.1.0" },
  });
  expect(named.status).toBe(0);
  expect((await world.heros("--version")).stdout).toBe("0.1.0\n");
});

test("--from installs without a network", async () => {
  const stick = join(world.root, "a stick");
  await cp(join(server.folder, "out"), stick, { recursive: true });
  const from = join("a stick", tarball("xz"));
  expect((await install("--from", from)).status).toBe(0);
  expect(server.asked).toEqual([]);
  await rm(join(stick, "SHA256SUMS.sig"));
  const { status, stderr } = await install("--from", from);
  expect(stderr).toContain("SHA256SUMS.sig is missing beside");
  expect(status).toBe(6);
});

test.each([
  [
    "for another processor",
    platform.endsWith("x64") ? "linux-arm64" : "linux-x64",
    4,
    "is for another processor",
  ],
  ["that does not exist", platform, 2, "There is no file"],
])("--from with a file %s says so", async (_what, named, expected, sentence) => {
  const file = join(world.root, `heros-0.1.0-${named}.tar.xz`);
  if (expected === 4) await writeFile(file, "");
  const { status, stderr } = await install("--from", file);
  expect(stderr).toContain(sentence);
  expect(status).toBe(expected);
  expect(await world.homeFiles()).toEqual([]);
});

test("without a terminal it installs and names the next command; with --yes heros starts", async () => {
  const { status, stderr } = await world.run({ piped });
  expect(status).toBe(0);
  expect(stderr).toMatch(/Next:\n *\S+\/\.local\/bin\/heros setup\n$/u);
  const unattended = await world.run({ piped, args: ["--dry-run", "--yes"] });
  expect(unattended.status).toBe(0);
});

test("--dry-run says each step and does none", async () => {
  const { status, stderr } = await install("--dry-run");
  expect(stderr).toContain(`Would take heros from ${server.base}`);
  const share = join(world.home, ".local/share");
  expect(stderr).toContain(`Would link man page and completions in ${share}\n`);
  expect(status).toBe(0);
  expect(server.asked).toEqual([]);
  expect(await world.homeFiles()).toEqual([]);
});

test("nobody else can write to what it installs, whatever the umask was", async () => {
  const line = 'umask 000; exec sh "$@"';
  await writeFile(join(world.root, "install.sh"), piped);
  const script = join(world.root, "install.sh");
  const shell = ["sh", "-c", line, "sh"];
  expect((await world.run({ shell, file: script, args: ["--no-setup"] })).status).toBe(0);
  const writable = execFileSync("find", [world.home, "!", "-type", "l", "-perm", "/022"]);
  expect(String(writable)).toBe("");
});

describe("where something is wrong nothing is installed, and the version that was there answers", () => {
  let before: string[];
  async function outcome(options = {}) {
    const ended = await world.run({ piped, args: ["--no-setup"], ...options });
    return { ...ended, homeFiles: await world.homeFiles() };
  }

  /** It says that sentence, ends with that status, and changes nothing. */
  function refused(status: number, sentence: string) {
    const stderr: unknown = expect.stringContaining(sentence);
    return { status, stdout: "", stderr, homeFiles: before };
  }

  beforeEach(async () => {
    // Stands for the version before.
    await mkdir(join(world.home, ".local/bin"), { recursive: true });
    const file = join(world.home, ".local/bin/heros");
    await writeFile(file, "#!/bin/sh\n# Starts heros. Written by install.sh\necho 0.0.9\n", {
      mode: 0o755,
    });
    before = await world.homeFiles();
  });
  afterEach(async () => {
    expect((await world.heros("--version")).stdout).toBe("0.0.9\n");
  });

  test("a flipped byte", async () => {
    const content = Buffer.from(server.files.get(tarball("xz")) ?? "");
    content.writeUInt8(content.readUInt8(5000) ^ 1, 5000);
    server.files.set(tarball("xz"), content);
    expect(await outcome()).toEqual(refused(6, "doesn't match its checksum"));
  });

  test("old sums beside a new tarball", async () => {
    const sums = await server.text("SHA256SUMS");
    await server.sign(sums.replaceAll(/^[0-9a-f]{8}/gmu, "00000000"), "current");
    expect(await outcome()).toEqual(refused(6, "doesn't match its checksum"));
  });

  test("a signature by another key", async () => {
    await server.sign(await server.text("SHA256SUMS"), "stranger");
    expect(await outcome()).toEqual(refused(6, "The signature of SHA256SUMS is wrong"));
  });

  test("sums that were changed after they were signed", async () => {
    server.files.set("SHA256SUMS", Buffer.from(`${await server.text("SHA256SUMS")}\n`));
    expect(await outcome()).toEqual(refused(6, "The signature of SHA256SUMS is wrong"));
  });

  test("no signature", async () => {
    server.files.delete("SHA256SUMS.sig");
    expect(await outcome()).toEqual(refused(5, "SHA256SUMS.sig could not be downloaded"));
  });

  test("no ssh-keygen", async () => {
    await rm(join(world.bin, "ssh-keygen"));
    expect(await outcome()).toEqual(refused(6, "ssh-keygen is missing"));
  });

  test("no such version, and sums of another one", async () => {
    expect(await outcome({ env: { HEROS_VERSION: "9.9.9" } })).toEqual(
      refused(5, "It does not exist. Check HEROS_VERSION"),
    );
    expect(await outcome({ env: { HEROS_VERSION: "../9.9.9" } })).toEqual(
      refused(2, "HEROS_VERSION is no version"),
    );
    const sums = await server.text("SHA256SUMS");
    await server.sign(sums.replaceAll("heros-0.1.0", "heros-0.0.1"), "current");
    expect(await outcome({ env: { HEROS_VERSION: "0.1.0" } })).toEqual(
      refused(6, "SHA256SUMS has no release"),
    );
  });

  test.each(["curl", "wget"] as const)("a redirect to http, with %s", async (program) => {
    await use(program);
    server.redirectTo = `http://localhost:${new URL(server.base).port}/elsewhere`;
    expect(await outcome()).toEqual(refused(5, "could not be downloaded"));
    expect(server.asked).toHaveLength(1);
  });

  test.each(["curl", "wget"] as const)(
    "a server that hangs, and a signal to %s",
    async (program) => {
      await use(program);
      const asked = new Promise<void>((resolve) => (server.silent = resolve));
      const { child, ended } = world.start({ piped, args: ["--no-setup"] });
      await asked;
      child.kill("SIGTERM");
      // It ends once nothing that it started holds its streams.
      const outcomeOfSignal = { ...(await ended), homeFiles: await world.homeFiles() };
      expect(outcomeOfSignal).toEqual(refused(143, "Cancelled"));
    },
  );

  test("a mirror by plain http", async () => {
    for (const host of ["127.0.0.1.example.com", "127.0.0.1:80@example.com"]) {
      const env = { HEROS_BASE_URL: `http://${host}/heros` };
      expect(await outcome({ env })).toEqual(refused(2, "by https only"));
    }
  });

  test("neither curl nor wget", async () => {
    for (const each of ["curl", "wget"]) await rm(join(world.bin, each), { force: true });
    expect(await outcome()).toEqual(refused(4, "without curl or wget"));
  });

  test.each([
    ["a name with ..", [], ["--transform=s,/node,/../../../escaped,"]],
    ["an absolute name", [], ["-P", "--transform=s,^[^/]*/node,/tmp/heros-escaped,"]],
    ["a link", ["ln -s /etc/passwd link"], []],
    ["a hard link", ["ln node link"], []],
    ["a pipe", ["mkfifo pipe"], []],
  ])("a rightly signed tarball with %s in it", async (_what, prepare, args) => {
    await server.packStrangely(prepare.join("\n") || ":", args);
    expect(await outcome()).toEqual(refused(6, "holds what no release holds"));
    await expect(stat("/tmp/heros-escaped")).rejects.toThrow("ENOENT");
  });

  test("a release that does not start", async () => {
    await server.packStrangely(
      "mkdir bin; printf '#!/nowhere/sh\\n' >bin/heros; chmod 755 bin/heros",
      [],
    );
    expect(await outcome()).toEqual(refused(4, "can't be run"));
  });
});

test("owners that a tarball names don't count for root", async () => {
  await server.packStrangely(
    "mkdir bin; printf '#!/bin/sh\\nls -ln $0 >&2\\nexit 9\\n' >bin/heros; chmod 4777 bin/heros",
    ["--owner=4321", "--group=4321"],
  );
  const { status, stderr } = await install();
  expect(status).toBe(9);
  expect(stderr).not.toContain("4321");
  expect(stderr).toMatch(/-rwxr-xr-x/u);
});

test("the script of a release has both keys, its address, and no more than 250 lines", async () => {
  expect(piped).toContain(`release_base='${server.base}'`);
  for (const key of ["current", "next"]) {
    const [, body = "?"] = (await readFile(join(server.folder, `${key}.pub`), "utf8")).split(" ");
    expect(piped).toContain(body);
  }
  expect(piped.split("\n").length).toBeLessThanOrEqual(250);
});
