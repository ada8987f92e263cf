import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startHub, type EmbeddedHub } from "../../src/demo/hub/hub.ts";
import { freePort } from "../host/free-port.ts";
import type { Pty } from "../terminal/pty.ts";
import { ended, keptRun, killLeft } from "./background-scene.ts";
import { openHeros } from "./heros-pty.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { catalogOf } from "./wrong-input.ts";

const token = "hf_good_token_1234";
const unattended = "setup --yes --allow-unsupported --keep-token no --annie-timeout 1 --json".split(
  " ",
);
const variables = { HF_TOKEN: token, HUGGING_FACE_HUB_TOKEN: token };

let sandbox: Sandbox;
let hub: EmbeddedHub;
let pty: Pty | null = null;

beforeEach(async () => {
  sandbox = await makeSandbox();
  const files = [{ path: "model.safetensors", sizeBytes: 3_000_000 }];
  hub = await startHub({
    tokens: { [token]: "ann" },
    repos: [{ id: "demo/voice", access: "gated", readers: [token], files }],
  });
});

afterEach(async () => {
  pty?.close();
  await killLeft(sandbox);
  await hub.close();
  await sandbox[Symbol.asyncDispose]();
});

/** A command that writes down with which words and which environment it is started. */
async function telling(name: string, then: string): Promise<() => Promise<string>> {
  const file = path.join(sandbox.dir, `${name}.txt`);
  await sandbox.command(name, `{ echo "asked: $*"; export -p; } >>'${file}'\n${then}`);
  return () => readFile(file, "utf8");
}

async function hubArgs(): Promise<string[]> {
  return ["--catalog", await catalogOf(sandbox, "demo/voice"), "--endpoint", hub.endpoint];
}

describe("a token in the environment", () => {
  it("is used, and stands in the environment of no command that heros starts", async () => {
    const info = `echo '{"ServerVersion":"29.0.0","DockerRootDir":"/var/lib/docker"}'`;
    const told = {
      docker: await telling(
        "docker",
        `case "$*" in *version*) echo 2.40.0;; info*) ${info};; esac`,
      ),
      gpu: await telling("nvidia-smi", "exit 9"),
      locks: await telling("perl", 'exec /usr/bin/perl "$@"'),
    };
    const run = await sandbox.run(
      [...unattended, "--port", String(await freePort()), ...(await hubArgs())],
      { env: variables },
    );
    expect(run.events().map(({ type }) => type)).toContain("model.ready");
    expect(await told.docker()).toMatch(/^asked: compose .*\bup\b/m);
    for (const read of Object.values(told)) {
      const text = await read();
      expect(text).toContain("PATH=");
      expect(text).not.toContain(token);
      expect(text).not.toMatch(/HF_TOKEN|HUGGING_FACE_HUB_TOKEN/);
    }
  });

  it("reaches a run in the background by a pipe, with the place where it was found", async () => {
    hub.setThrottle({ bytesPerSecond: 300_000 });
    pty = openHeros(sandbox, ["pull", ...(await hubArgs())], { env: variables });
    await pty.waitFor(/\d\/3\.00 MB/);
    pty.type("b");
    expect((await pty.exit).exitCode).toBe(0);
    const pid = (await keptRun(sandbox))?.pid ?? 0;
    for (const name of ["cmdline", "environ"]) {
      const text = await readFile(`/proc/${pid}/${name}`, "utf8");
      expect(text).not.toBe("");
      expect(text).not.toContain(token);
    }
    hub.setThrottle({});
    await ended(pid);
    const record = await readFile((await keptRun(sandbox))?.record ?? "", "utf8");
    expect(record).toContain('"type":"run.succeeded"');
    expect(record).not.toContain(token);
    const blobs = path.join(sandbox.home, ".cache/huggingface/hub/models--demo--voice/blobs");
    expect((await stat(blobs)).isDirectory()).toBe(true);
  });
});
