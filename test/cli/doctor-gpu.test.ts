import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { EmbeddedHub } from "../../src/demo/hub/hub.ts";
import { fixture } from "../machine/fixture.ts";
import type { Sandbox } from "./sandbox.ts";
import { catalogOf, failureOf, openHosted } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;
let catalog: string;
beforeEach(async () => {
  ({ sandbox, hub } = await openHosted());
  catalog = await catalogOf(sandbox, "demo/voice", hub.commit("demo/voice"));
});

describe("the GPU in containers", () => {
  const found = async (own: string) => {
    await sandbox.file("home/her-os/docker-compose.heros.yml", "services: {}\n");
    const config = JSON.stringify({
      services: { db: { image: "db:1" }, "her-os-core": { image: "core:1" } },
    });
    const info = await sandbox.file("info.json", fixture("docker/28-runtime.json"));
    await sandbox.command("nvidia-smi", `echo '0, NVIDIA L4, 00000000:01:00.0, 580.1, 8.9, 23034'`);
    await sandbox.command(
      "docker",
      `echo "$*" >>${join(sandbox.dir, "asked")}
      case "$*" in info*) /bin/cat ${info} ;; *version*) echo 2.40.3 ;;
      *config*) echo '${config}' ;; "image inspect"*core:1) ${own} ;;
      "image inspect"*) echo '{"id":"sha256:db"}' ;;
      run*) echo 'could not select device driver "" with capabilities: [[gpu]]' >&2; exit 125 ;;
      esac`,
    );
    const where = ["--catalog", catalog, "--endpoint", hub.endpoint, "--json"];
    const run = await sandbox.run(["doctor", "docker.gpu", ...where]);
    const asked = await readFile(join(sandbox.dir, "asked"), "utf8");
    return { run, runs: asked.split("\n").filter((line) => line.startsWith("run ")) };
  };

  it("is tried with Annie's image where Docker has it, and refuses as setup would", async () => {
    const { run, runs } = await found(`echo '{"id":"sha256:core"}'`);
    expect(runs).toEqual([expect.stringMatching(/ --gpus all .* sha256:core -L$/u)]);
    expect(failureOf(run)).toMatchObject({
      code: "doctor.problems",
      exitCode: 4,
      message: expect.stringContaining("could not select device driver") as string,
      hint: expect.stringContaining("nvidia-container-toolkit") as string,
    });
  });

  it("is tried with another of the stack's images where it has none of hers", async () => {
    const { runs } = await found("exit 1");
    expect(runs).toEqual([expect.stringMatching(/ sha256:db -L$/u)]);
  });
});
