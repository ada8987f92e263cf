import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { beforeEach, expect, it } from "vitest";
import type { EmbeddedHub } from "../../src/demo/hub/hub.ts";
import { freePort } from "../host/free-port.ts";
import type { Sandbox } from "./sandbox.ts";
import { catalogOf, openHosted } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;

beforeEach(async () => {
  ({ sandbox, hub } = await openHosted());
});

it.each(["plain", "json", "accessible"])(
  "nothing of a user's own files is shown by --output %s, nor recorded",
  async (output) => {
    await sandbox.command(
      "docker",
      `case "$*" in *" up "*) echo "no, not today" >&2; exit 1;; compose*) echo 2.40.0;; info*) echo '{"ServerVersion":"29.0.0","DockerRootDir":"/var/lib/docker"}';; esac`,
    );
    // A base may have any name.
    const base = await sandbox.file("her-os/stack.txt", "services: {her-os-core: {image: x}}\n");
    await sandbox.file(
      "her-os/.env",
      'SALT=s3cret\nHOOK=https://x.example/s3cret\nPEM="-----BEGIN\ns3cret\n-----END"\nCOMPOSE_FILE=stack.txt\n',
    );
    const args = ["setup", "--yes", "--allow-unsupported", "--output", output];
    const catalog = await catalogOf(sandbox, "demo/voice");
    const run = await sandbox.run([
      ...args,
      "--catalog",
      catalog,
      "--endpoint",
      hub.endpoint,
      "--stack-dir",
      path.dirname(base),
      "--port",
      String(await freePort()),
    ]);
    expect(run.exitCode).toBe(1);
    const logs = path.join(sandbox.home, ".local/state/heros/logs");
    const names = await readdir(logs);
    const records = await Promise.all(names.map((name) => readFile(path.join(logs, name), "utf8")));
    expect(records.join("")).toContain("+COMPOSE_FILE=stack.txt:docker-compose.heros.yml");
    for (const text of [run.stdout, run.stderr, ...records]) expect(text).not.toContain("s3cret");
  },
);
