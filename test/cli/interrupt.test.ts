import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startHub, type EmbeddedHub } from "../../src/demo/hub/hub.ts";
import { freePort } from "../host/free-port.ts";
import { keys, type Pty } from "../terminal/pty.ts";
import { openHeros } from "./heros-pty.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { catalogOf, hosted } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;
let port: number;
const opened: Pty[] = [];

/** A Docker that is well; `compose ps` knows of nothing yet. */
const wellDocker = `case "$*" in
*version*) echo 2.40.0;;
info*) echo '{"ServerVersion":"29.0.0","DockerRootDir":"/var/lib/docker"}';;
esac`;

beforeEach(async () => {
  sandbox = await makeSandbox();
  hub = await startHub({ ...hosted, throttle: { bytesPerSecond: 50_000 } });
  port = await freePort();
  await sandbox.command("docker", wellDocker);
});

afterEach(async () => {
  for (const pty of opened.splice(0)) pty.close();
  await hub.close();
  await sandbox[Symbol.asyncDispose]();
});

async function setup(...more: string[]): Promise<Pty> {
  const catalog = await catalogOf(sandbox, "demo/voice");
  const pty = openHeros(sandbox, [
    "setup",
    "--catalog",
    catalog,
    "--endpoint",
    hub.endpoint,
    "--port",
    String(port),
    ...more,
  ]);
  opened.push(pty);
  return pty;
}

/** What hangs in these tests would hang for so long. */
const underWayMs = 60_000;

const unattended = ["--yes", "--allow-unsupported"];

const moments = {
  async "the machine is looked at"() {
    await sandbox.command("docker", "exec /bin/sleep 60");
    const pty = await setup();
    await pty.waitFor(/\[[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]\] .*Docker/);
    return pty;
  },
  async "a question is asked"() {
    const pty = await setup();
    await pty.waitFor(/1\. /);
    return pty;
  },
  async "models are downloaded"() {
    const pty = await setup(...unattended);
    await pty.waitFor("kB/s");
    return pty;
  },
  async "the download is paused"() {
    const pty = await setup(...unattended);
    await pty.waitFor("kB/s");
    pty.type("p");
    await pty.waitFor("Paused. Press p to resume.");
    return pty;
  },
  async "Annie is awaited"() {
    hub.setThrottle({});
    const pty = await setup(...unattended);
    await pty.waitFor("All models are ready");
    return pty;
  },
};

describe.each(Object.entries(moments))("Ctrl-C while %s", (_name, reach) => {
  it("stops cleanly, and waits for nothing that is under way", async () => {
    const pty = await reach();
    const startMs = performance.now();
    pty.type(keys.ctrlC);
    expect((await pty.exit).exitCode).toBe(130);
    expect(performance.now() - startMs).toBeLessThan(underWayMs / 2);
    expect(pty.text()).toContain("Stopped.");
    expect(pty.cursor().visible).toBe(true);
    expect(pty.text()).not.toMatch(/[░█⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/);
  });
});

describe("Ctrl-C twice", () => {
  it("ends at once where something does not stop, and leaves the terminal in order", async () => {
    const stubborn = `${wellDocker}\ncase "$*" in *up*) trap "" TERM INT; /bin/sleep 60;; esac`;
    await sandbox.command("docker", stubborn);
    hub.setThrottle({});
    const pty = await setup(...unattended);
    await pty.waitFor("All models are ready");
    pty.type(keys.ctrlC);
    const startMs = performance.now();
    pty.type(keys.ctrlC);
    expect((await pty.exit).exitCode).toBe(130);
    expect(performance.now() - startMs).toBeLessThan(underWayMs / 2);
    expect(pty.cursor().visible).toBe(true);
    // Neither raw nor on the other screen.
    expect(pty.output().lastIndexOf("\u001b[?1049l")).toBeGreaterThan(
      pty.output().lastIndexOf("\u001b[?1049h"),
    );
    expect(pty.text()).not.toMatch(/[░█]/);
  });
});
