import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EmbeddedHub } from "../../src/demo/hub/hub.ts";
import { serve, type TestServer } from "../machine/server.ts";
import type { Sandbox } from "./sandbox.ts";
import { catalogOf, openHosted } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;
let container: TestServer;

beforeEach(async () => {
  ({ sandbox, hub } = await openHosted());
  container = await serve((_request, response) => response.end("a core"));
});

afterEach(async () => {
  await container.close();
});

/** Her container is up, and compose knows it by the folder of its first file. */
async function running(project: string): Promise<void> {
  const row = JSON.stringify({
    Names: "a-her-os-core-1",
    Ports: `127.0.0.1:${container.port}->8000/tcp`,
    Labels: `com.docker.compose.project.working_dir=${project},com.docker.compose.service=her-os-core`,
  });
  await sandbox.command(
    "docker",
    `case "$*" in ps*) echo '${row}';; compose*) echo 2.40.0;; info*) echo '{"ServerVersion":"29.0.0","DockerRootDir":"/var/lib/docker"}';; esac`,
  );
}

/** What is found of the port by a command. */
async function portCheck(command: string, stackDir: string): Promise<unknown> {
  const catalog = await catalogOf(sandbox, "demo/voice");
  const setup = ["--dry-run", "--yes", "--allow-unsupported", "--catalog", catalog];
  const run = await sandbox.run(
    [
      command,
      ...(command === "setup" ? setup : []),
      "--stack-dir",
      stackDir,
      "--endpoint",
      hub.endpoint,
      "--json",
    ],
    { env: { HEROS_PORT: String(container.port) } },
  );
  return run.events().find((event) => event.type === "check.finished" && event.id === "port");
}

describe.each(["doctor", "setup"])("heros %s", (command) => {
  it("knows its own container where the base is in a folder of its own", async () => {
    const env = await sandbox.file("her-os/.env", "COMPOSE_FILE=a/base.yml:b/more.yml\n");
    const stackDir = path.dirname(env);
    await sandbox.file("her-os/a/base.yml", "services: {her-os-core: {image: x}}\n");
    await sandbox.file("her-os/b/more.yml", "services: {}\n");
    await running(path.join(stackDir, "a"));
    expect(await portCheck(command, stackDir)).toMatchObject({ status: "ok" });

    await running(stackDir);
    expect(await portCheck(command, stackDir)).toMatchObject({ status: "failed" });
  });
});
