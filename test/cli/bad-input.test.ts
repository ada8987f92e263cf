import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdir } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startHub, type EmbeddedHub } from "../../src/demo/hub/hub.ts";
import { makeSandbox, type HerosRun, type Sandbox } from "./sandbox.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;

beforeEach(async () => {
  sandbox = await makeSandbox();
  hub = await startHub({
    tokens: { hf_good_token: "ann" },
    repos: [
      {
        id: "demo/voice",
        files: [
          { path: "config.json", content: "{}" },
          { path: "model.safetensors", sizeBytes: 2_000_000 },
        ],
      },
      {
        id: "demo/gated",
        access: "gated",
        readers: ["hf_good_token"],
        files: [{ path: "a.bin", sizeBytes: 10 }],
      },
    ],
  });
});

afterEach(async () => {
  await hub.close();
  await sandbox[Symbol.asyncDispose]();
});

function catalogOf(repo: string, revision = "main"): Promise<string> {
  return sandbox.file(
    "catalog.yaml",
    `schema: 1\nstack: test\ntiers:\n  - {id: 1, name: Critical, required: true}\nmodels:\n  - {id: voice, repo: ${repo}, revision: ${revision}, tier: 1}\n`,
  );
}

async function pull(catalog: string, ...more: string[]): Promise<HerosRun> {
  const cache = ["--cache-dir", `${sandbox.dir}/cache`];
  return sandbox.run([
    "pull",
    "--catalog",
    catalog,
    "--endpoint",
    hub.endpoint,
    ...cache,
    "--json",
    ...more,
  ]);
}

/** Exactly one closing record, and it is the last line. */
function failureOf(run: HerosRun) {
  const events = run.events();
  const closings = events.filter(
    (event) => event.type.startsWith("run.") && event.type !== "run.started",
  );
  expect(closings).toHaveLength(1);
  const last = events.at(-1);
  if (last?.type !== "run.failed") throw new Error(`ended with ${JSON.stringify(last)}`);
  expect(last.exitCode).toBe(run.exitCode);
  expect(last.hint).not.toBe("");
  return last;
}

describe("heros pull, given something wrong,", () => {
  it("says which flag does not exist", async () => {
    const run = await pull(await catalogOf("demo/voice"), "--nope");
    expect(failureOf(run)).toMatchObject({
      code: "usage.wrong",
      exitCode: 2,
      message: expect.stringContaining("--nope"),
    });
  });

  it("says which tier does not exist", async () => {
    const run = await pull(await catalogOf("demo/voice"), "--tiers", "4");
    expect(failureOf(run)).toMatchObject({ code: "tiers.unknown", exitCode: 2 });
  });

  it("says file, line and key of a catalog that is wrong", async () => {
    const catalog = await sandbox.file("wrong.yaml", "schema: 1\nstack: x\ntears: []\n");
    const failure = failureOf(await pull(catalog));
    expect(failure).toMatchObject({ code: "catalog.invalid", exitCode: 2 });
    expect(failure.message).toMatch(/wrong\.yaml, line \d+, is wrong: /);
  });

  it("says that a catalog is not there", async () => {
    expect(failureOf(await pull("nowhere.yaml"))).toMatchObject({
      code: "catalog.unreadable",
      exitCode: 2,
    });
  });

  it("says that a revision does not exist", async () => {
    const run = await pull(await catalogOf("demo/voice", "v9"));
    expect(failureOf(run)).toMatchObject({ code: "hub.revision_not_found", exitCode: 2 });
  });

  it("says that a repository does not exist", async () => {
    const run = await pull(await catalogOf("demo/nothing"));
    expect(failureOf(run)).toMatchObject({ code: expect.stringMatching(/^hub\./), exitCode: 2 });
  });

  it("says how to get at a gated model", async () => {
    const run = await pull(await catalogOf("demo/gated"));
    expect(failureOf(run)).toMatchObject({ code: "hub.gated", exitCode: 2 });
  });

  it("says that the Hub refuses the token, and never shows it", async () => {
    const token = await sandbox.file("token", "hf_refused_token\n");
    const run = await pull(await catalogOf("demo/voice"), "--token-file", token, "-v");
    expect(failureOf(run)).toMatchObject({ code: "hub.token_refused", exitCode: 2 });
    expect(run.stdout + run.stderr).not.toContain("hf_refused_token");
  });

  it("says that a token file holds no token", async () => {
    const token = await sandbox.file("token", "two words\n");
    expect(
      failureOf(await pull(await catalogOf("demo/voice"), "--token-file", token)),
    ).toMatchObject({
      code: "token.malformed",
      exitCode: 2,
    });
  });

  it("says that the Hub can't be reached", async () => {
    const catalog = await catalogOf("demo/voice");
    const run = await sandbox.run([
      "pull",
      "--catalog",
      catalog,
      "--endpoint",
      "http://127.0.0.1:9",
      "--json",
    ]);
    expect(failureOf(run)).toMatchObject({ code: "hub.unreachable", exitCode: 5 });
  });

  it("tells a login page from a Hub", async () => {
    const portal = createServer((_request, response) => {
      response
        .writeHead(200, { "content-type": "text/html" })
        .end("<html>Welcome to the hotel</html>");
    });
    await new Promise<void>((resolve) => portal.listen(0, "127.0.0.1", resolve));
    const { port } = portal.address() as AddressInfo;
    const catalog = await catalogOf("demo/voice");
    const run = await sandbox.run([
      "pull",
      "--catalog",
      catalog,
      "--endpoint",
      `http://127.0.0.1:${port}`,
      "--json",
    ]);
    portal.close();
    expect(failureOf(run)).toMatchObject({ code: "hub.captive_portal", exitCode: 5 });
  });

  it("says that the cache can't be written", async () => {
    await sandbox.file("cache", "a file where the folder should be");
    expect(failureOf(await pull(await catalogOf("demo/voice")))).toMatchObject({
      code: "cache.not_writable",
    });
  });

  it("refuses names that would leave the cache", async () => {
    hub.publish({ id: "demo/evil", files: [{ path: "../../escape", content: "x" }] });
    expect(failureOf(await pull(await catalogOf("demo/evil")))).toMatchObject({
      code: "hub.unsafe_path",
    });
  });

  it("says what is missing where it must stay offline", async () => {
    const catalog = await catalogOf("demo/voice");
    const run = await sandbox.run(
      ["pull", "--catalog", catalog, "--endpoint", hub.endpoint, "--json"],
      {
        env: { HF_HUB_OFFLINE: "1" },
      },
    );
    expect(failureOf(run)).toMatchObject({ code: "hub.offline", exitCode: 5 });
    expect(hub.requests).toHaveLength(0);
  });
});

describe("heros setup, given something wrong,", () => {
  async function setup(...more: string[]): Promise<HerosRun> {
    const catalog = await catalogOf("demo/voice");
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

  it("says that nobody can answer where there is no terminal", async () => {
    expect(failureOf(await setup())).toMatchObject({
      code: "usage.wrong",
      exitCode: 2,
      hint: expect.stringContaining("--yes"),
    });
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
    await sandbox.command(
      "docker",
      `case "$*" in compose*) echo 2.40.0;; info*) echo '{"ServerVersion":"29.0.0","DockerRootDir":"/var/lib/docker"}';; *) exit 0;; esac`,
    );
    const taken = createServer((_request, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => taken.listen(0, resolve));
    const { port } = taken.address() as AddressInfo;
    const run = await setup("--yes", "--allow-unsupported", "--port", String(port));
    taken.close();
    expect(failureOf(run)).toMatchObject({
      code: "port.taken",
      exitCode: 4,
      message: expect.stringContaining(String(port)),
    });
  });

  it("wants consent where the machine is no Spark, and writes nothing without it", async () => {
    await sandbox.command(
      "docker",
      `case "$*" in compose*) echo 2.40.0;; info*) echo '{"ServerVersion":"29.0.0","DockerRootDir":"/var/lib/docker"}';; *) exit 0;; esac`,
    );
    await mkdir(`${sandbox.home}/her-os`);
    const run = await setup("--yes", "--port", "39871");
    expect(failureOf(run)).toMatchObject({ code: "machine.unsupported", exitCode: 4 });
    expect(run.events().some((event) => event.type === "file.written")).toBe(false);
  });
});
