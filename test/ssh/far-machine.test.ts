import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Failure } from "../../src/run/failure.ts";
import type { Connection } from "../../src/ssh/connection.ts";
import { probe, readProbe } from "../../src/ssh/far-machine.ts";
import { localConnection } from "./local-connection.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "heros-far "));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** What a startup file of the shell prints before all else. */
const printing = (connection: Connection, first: string): Connection => ({
  ...connection,
  async run(request) {
    const result = await connection.run(request);
    return { ...result, stdout: first + result.stdout };
  },
});
const asked = (connection: Connection) => probe(connection, new AbortController().signal);

test("a shell tells what the machine is", async () => {
  const far = await asked(printing(localConnection(home), "Welcome!\r\n"));
  expect(far).toMatchObject({
    home,
    platform: `linux-${process.arch === "arm64" ? "arm64" : "x64"}`,
    data: join(home, ".local/share/heros"),
    state: join(home, ".local/state/heros"),
    install: join(home, ".cache/heros/install"),
    hubCache: join(home, ".cache/huggingface/hub"),
    hasHubCache: false,
    heros: null,
  });
  for (const free of Object.values(far.freeBytes)) expect(free).toBeGreaterThan(1000);
});

test("its own folders, its cache and its heros are found", async () => {
  const data = join(home, "data");
  const hub = join(home, "hub");
  await mkdir(join(hub, "models--a--b"), { recursive: true });
  await mkdir(join(data, "heros/current"), { recursive: true });
  const release = { schema: 1, version: "1.2.3", platform: "linux-x64", commit: "abc", id: "x" };
  await writeFile(join(data, "heros/current/release.json"), `${JSON.stringify(release)}\n`);
  const env = { XDG_DATA_HOME: data, HF_HUB_CACHE: hub, XDG_STATE_HOME: "relative" };
  expect(await asked(localConnection(home, env))).toMatchObject({
    data: join(data, "heros"),
    hubCache: hub,
    hasHubCache: true,
    state: join(home, ".local/state/heros"),
    heros: { version: "1.2.3", commit: "abc", id: "x" },
  });
});

const good = `system=Linux
arch=aarch64
bits=64
libc=glibc 2.39
name=spark-2
home=/home/ann
data=/home/ann/.local/share/heros
free.data=1000
install=/home/ann/.cache/heros/install
hubCache=/home/ann/.cache/huggingface/hub
state=/home/ann/.local/state/heros
config=/home/ann/.config/heros
`;

describe("what is wrong with a machine is one failure", () => {
  test.each([
    ["system=Linux", "system=Darwin", "push.wrong_machine"],
    ["arch=aarch64", "arch=riscv64", "push.wrong_machine"],
    ["bits=64", "bits=32", "push.wrong_machine"],
    ["glibc 2.39", "musl libc (aarch64)", "push.wrong_machine"],
    ["glibc 2.39", "glibc 2.27", "push.wrong_machine"],
    ["system=Linux", "system=Linux\nlacks=tar\nlacks=gzip", "push.lacks_tools"],
    ["home=/home/ann", "home=", "push.bad_answer"],
    ["home=/home/ann", "home=ann", "push.bad_answer"],
    ["home=/home/ann", "home=/home/\u001b[31mann", "push.bad_answer"],
    ["data=/home/ann/.local/share/heros", "", "push.bad_answer"],
    ["name=spark-2", "closed=/home/ann/.local/share/heros", "push.not_writable"],
  ])("%j as %j", (line, instead, code) => {
    const read = () => readProbe("spark-2", good.replace(line, instead));
    expect(read).toThrow(Failure);
    expect(read).toThrow(
      expect.objectContaining({ code, exitCode: code === "push.bad_answer" ? 5 : 4 }),
    );
  });
});

test("what a hostile machine says beside is passed over", () => {
  const docker = "docker=\u001b]0;owned\u0007";
  const heros = `heros={"version":${JSON.stringify("9".repeat(500))}}`;
  const far = readProbe("spark-2", `${good}${docker}\n${heros}\nfree.hubCache=-1\n__proto__=x\n`);
  expect(far).toMatchObject({
    docker: null,
    heros: null,
    freeBytes: { data: 1_024_000, hubCache: null },
  });
});

test("without a shell there is no answer", async () => {
  const silent: Connection = {
    ...localConnection(home),
    run: () =>
      Promise.resolve({
        exitCode: 1,
        stdout: "This account is currently not available.\n",
        stderr: "",
        timedOut: false,
        missing: false,
      }),
  };
  await expect(asked(silent)).rejects.toMatchObject({ code: "push.no_shell", exitCode: 4 });
});
