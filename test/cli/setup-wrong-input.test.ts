import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeEach, describe, expect, it } from "vitest";
import type { EmbeddedHub } from "../../src/demo/hub/hub.ts";
import { openHeros } from "./heros-pty.ts";
import type { HerosRun, Sandbox } from "./sandbox.ts";
import { catalogOf, failureOf, openHosted } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;

beforeEach(async () => {
  ({ sandbox, hub } = await openHosted());
});

/** A Docker that is well, as far as anybody asks. */
const wellDocker = `case "$*" in compose*) echo 2.40.0;; info*) echo '{"ServerVersion":"29.0.0","DockerRootDir":"/var/lib/docker"}';; *) exit 0;; esac`;

async function setup(...more: string[]): Promise<HerosRun> {
  const catalog = await catalogOf(sandbox, "demo/voice");
  return sandbox.run([
    "setup",
    "--catalog",
    catalog,
    "--endpoint",
    hub.endpoint,
    "--json",
    ...more,
  ]);
}

describe("heros setup, given something wrong,", () => {
  it("says that nobody can answer where there is no terminal", async () => {
    expect(failureOf(await setup())).toMatchObject({
      code: "usage.wrong",
      exitCode: 2,
      hint: expect.stringContaining("--yes") as unknown,
    });
  });

  it.each([
    ["--port", "abc"],
    ["--tiers", "x"],
  ])("names a wrong %s before it misses a terminal", async (flag, value) => {
    expect(failureOf(await setup(flag, value)).message).toContain(`"${value}"`);
  });

  it.each(["plain", "json"])("names a way that is open where %s was asked for", async (output) => {
    const pty = openHeros(sandbox, ["setup", "--output", output]);
    expect((await pty.exit).exitCode).toBe(2);
    const text = pty.output();
    pty.close();
    expect(text).toContain("--yes");
    expect(text).toContain("--output accessible");
    expect(text).not.toMatch(/in a terminal/);
  });

  it.each([
    ["groups.unknown", ["--tiers", "7"], {}],
    ["groups.unknown", [], { HEROS_TIERS: "7" }],
    ["plan.bad_answer", ["--startup", "never"], {}],
    ["plan.bad_answer", [], { HEROS_KEEP_TOKEN: "maybe" }],
  ])("ends with %s before it looks at the machine: %j %j", async (code, args, env) => {
    const run = await sandbox.run(["setup", "--yes", "--json", ...args], { env });
    expect(failureOf(run)).toMatchObject({ code, exitCode: 2 });
    const told = run.events().map(({ type }) => type);
    expect(told).toEqual(["run.started", "run.failed"]);
  });

  it.each([
    ["limitRate", "--limit-rate", "HEROS_LIMIT_RATE"],
    ["maxConnections", "--max-connections", "HEROS_MAX_CONNECTIONS"],
    ["port", "--port", "HEROS_PORT"],
    ["onlineTimeout", "--online-timeout", "HEROS_ONLINE_TIMEOUT"],
    ["endpoint", "--endpoint", "HEROS_ENDPOINT"],
  ])("blames a wrong %s on what it was given as", async (key, flag, variable) => {
    const config = await sandbox.file("own.yaml", `${key}: abc\n`);
    const own = ["setup", "--yes", "--json"];
    for (const [blamed, run] of [
      [flag, sandbox.run([...own, flag, "abc"])],
      [variable, sandbox.run(own, { env: { [variable]: "abc" } })],
      [config, sandbox.run([...own, "--config", config])],
    ] as const) {
      const { code, message } = failureOf(await run);
      expect(code).toBe("settings.bad_value");
      const names = [flag, variable, config].filter((name) => message.includes(name));
      expect(names).toEqual([blamed]);
    }
  });

  it("reads the number of connections by its other name, and prefers its own", async () => {
    const config = await sandbox.file("own.yaml", "maxLanes: abc\n");
    const own = ["setup", "--yes", "--json"];
    const lanes = { HEROS_MAX_LANES: "abc" };
    for (const run of [
      sandbox.run([...own, "--max-lanes", "abc"]),
      sandbox.run(own, { env: lanes }),
      sandbox.run([...own, "--config", config]),
    ]) {
      expect(failureOf(await run).code).toBe("settings.bad_value");
    }
    const run = await sandbox.run(own, { env: { ...lanes, HEROS_MAX_CONNECTIONS: "4" } });
    expect(failureOf(run).code).not.toBe("settings.bad_value");
  });

  it("blames a wrong HER_OS_PORT on itself", async () => {
    const run = await sandbox.run(["setup", "--yes", "--json"], { env: { HER_OS_PORT: "abc" } });
    expect(failureOf(run).message).toContain("HER_OS_PORT");
  });

  it("says that Docker is missing", async () => {
    expect(failureOf(await setup("--yes", "--allow-unsupported"))).toMatchObject({
      code: "docker.missing",
      exitCode: 4,
    });
  });

  it.each([
    [
      "daemon is down",
      "docker.daemon_down",
      "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    ],
    [
      "socket is closed to this user",
      "docker.no_permission",
      "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock",
    ],
  ])("says that Docker's %s", async (_what, code, message) => {
    await sandbox.command("docker", `echo '${message}' >&2; exit 1`);
    expect(failureOf(await setup("--yes", "--allow-unsupported"))).toMatchObject({
      code,
      exitCode: 4,
    });
  });

  it("says that the compose plugin is missing", async () => {
    await sandbox.command(
      "docker",
      `case "$*" in compose*) echo "docker: 'compose' is not a docker command." >&2; exit 1;; info*) echo '{"ServerVersion":"29.0.0","DockerRootDir":"/var/lib/docker"}';; *) exit 0;; esac`,
    );
    expect(failureOf(await setup("--yes", "--allow-unsupported"))).toMatchObject({
      code: "compose.missing",
      exitCode: 4,
    });
  });

  it("says that a port is taken", async () => {
    await sandbox.command("docker", wellDocker);
    const taken = createServer((_request, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => taken.listen(0, resolve));
    const { port } = taken.address() as AddressInfo;
    const run = await setup("--yes", "--allow-unsupported", "--port", String(port));
    taken.close();
    expect(failureOf(run)).toMatchObject({
      code: "port.taken",
      exitCode: 4,
      message: expect.stringContaining(String(port)) as unknown,
    });
  });

  // In /proc Node's mkdir of a folder and those above it never ends.
  it.each(["/proc/her-os", "/etc/passwd/her-os"])(
    "refuses to put Annie's files into %s before it shows a plan",
    async (stackDir) => {
      await sandbox.command("docker", wellDocker);
      const run = await setup("--yes", "--allow-unsupported", "--stack-dir", stackDir);
      expect(failureOf(run)).toMatchObject({
        code: expect.stringMatching(/^(stack\.not_writable|disk\.unsupported)$/) as unknown,
        exitCode: 1,
      });
      expect(run.events().some((event) => event.type === "plan.ready")).toBe(false);
    },
  );

  it("wants consent where the machine is no Spark, and writes nothing without it", async () => {
    await sandbox.command("docker", wellDocker);
    await mkdir(`${sandbox.home}/her-os`);
    const run = await setup("--yes", "--port", "39871");
    expect(failureOf(run)).toMatchObject({ code: "machine.unsupported", exitCode: 4 });
    expect(run.events().some((event) => event.type === "file.written")).toBe(false);
  });
});
