import { access, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startHub, type EmbeddedHub } from "../../src/demo/hub/hub.ts";
import { freePort } from "../host/free-port.ts";
import { keys, type Pty } from "../terminal/pty.ts";
import { ended, keptRun, killLeft } from "./background-scene.ts";
import { openHeros } from "./heros-pty.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { catalogOf } from "./wrong-input.ts";

const token = "hf_good_token_1234";

let sandbox: Sandbox;
let hub: EmbeddedHub;
let annie: Server;
let pty: Pty | null = null;

beforeEach(async () => {
  sandbox = await makeSandbox();
  await sandbox.command(
    "docker",
    `case "$*" in *version*) echo 2.40.0;; info*) echo '{"ServerVersion":"29.0.0","DockerRootDir":"/var/lib/docker"}';; esac`,
  );
  annie = createServer((_request, response) => {
    response.end(JSON.stringify({ status: "healthy", checks: {}, capabilities: {} }));
  });
  const files = [{ path: "model.safetensors", sizeBytes: 3_000_000 }];
  hub = await startHub({
    tokens: { [token]: "ann" },
    repos: [{ id: "demo/voice", access: "gated", readers: [token], files }],
    throttle: { bytesPerSecond: 50_000 },
  });
});

afterEach(async () => {
  pty?.close();
  await killLeft(sandbox);
  annie.close();
  await hub.close();
  await sandbox[Symbol.asyncDispose]();
});

/** False where heros looks at this very moment whether the port is free. */
function startsAt(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const onError = (): void => resolve(false);
    server.once("error", onError);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", onError);
      resolve(true);
    });
  });
}

it("takes consent, the chosen folder and a pasted token that is not kept along into the background", async () => {
  const port = await freePort();
  const catalog = await catalogOf(sandbox, "demo/voice");
  const asked = ["--startup", "progressive", "--keep-token", "no"];
  const where = ["--catalog", catalog, "--endpoint", hub.endpoint, "--port", String(port)];
  pty = openHeros(sandbox, ["setup", ...where, ...asked, "--tiers", "1"], {
    rows: 40,
    // It wins over an answer of an earlier run, and over none of this one.
    env: { HF_HUB_CACHE: join(sandbox.home, "from-environment") },
  });
  await pty.waitFor("Continue anyway?");
  pty.type("2");
  await pty.waitFor(/2\. Continue/);
  pty.type(keys.enter);
  await pty.waitFor("Paste");
  pty.type(`2${keys.enter}`);
  await pty.waitFor(/Token:/);
  pty.paste(token);
  await pty.waitFor(/\d+ characters/);
  pty.type(keys.enter);
  await pty.waitFor("Where should models be stored?");
  pty.type("2");
  await pty.waitFor(/› 2\./);
  pty.type(keys.enter);
  await pty.waitFor("Set up Annie like this?");
  pty.type("y");
  await pty.waitFor("b: background");
  pty.type("b");
  expect((await pty.exit).exitCode).toBe(0);

  const left = await keptRun(sandbox);
  if (left === null) throw new Error(pty.everything());
  for (const name of ["cmdline", "environ"]) {
    expect(await readFile(`/proc/${left.pid}/${name}`, "utf8")).not.toContain(token);
  }
  // Other work waits for its end, and is done then.
  const tokenFile = await sandbox.file("token", token);
  const pulled = sandbox.run(["pull", ...where.slice(0, 4), "--token-file", tokenFile, "--json"], {
    onOutput: () => hub.setThrottle({}),
  });
  while (!(await startsAt(annie, port)));
  const run = await sandbox.run(["status", "--watch", "--json"]);
  expect(run.exitCode).toBe(0);
  expect(run.events().map(({ type }) => type)).toEqual(
    expect.arrayContaining(["model.ready", "annie.online"]),
  );
  const [ready] = run.events().filter((event) => event.type === "model.ready");
  expect(ready?.path).toContain(join(sandbox.home, "her-os/models/"));
  expect(run.events().at(-1)).toMatchObject({ type: "run.succeeded", command: "setup" });
  await ended(left.pid);
  const other = await pulled;
  expect(other.exitCode).toBe(0);
  expect(other.events()[0]).toMatchObject({ type: "notice", code: "background.awaited" });
  expect(other.events().at(-1)).toMatchObject({ type: "run.succeeded", command: "pull" });
  await expect(access(join(sandbox.home, "her-os/secrets/hf_token"))).rejects.toMatchObject({
    code: "ENOENT",
  });
  expect(await readFile(left.record, "utf8")).not.toContain(token);
});
