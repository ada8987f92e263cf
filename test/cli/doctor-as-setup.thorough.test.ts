import { beforeEach, describe, expect, it } from "vitest";
import { checks } from "../../src/checks/table.ts";
import { eventSchemas } from "../../src/record/event-schemas.ts";
import { fixture } from "../machine/fixture.ts";
import type { EmbeddedHub } from "../../src/demo/hub/hub.ts";
import type { Sandbox } from "./sandbox.ts";
import { catalogOf, failureOf, openHosted } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;
beforeEach(async () => {
  ({ sandbox, hub } = await openHosted());
});

interface Machine {
  readonly machine: string;
  /** What its docker does, as a shell script; null where there is none. */
  readonly docker: string | null;
  readonly env?: Readonly<Record<string, string>>;
  /** Others that never answer. */
  readonly tools?: readonly string[];
  readonly code: string;
}

const hangs = "exec /bin/sleep 3600";

const fails = (words: string) => `echo '${words}' >&2; exit 1`;

const machines: readonly Machine[] = [
  { machine: "nothing", docker: null, code: "docker.missing" },
  {
    machine: "an engine that does not run",
    docker: fails(
      "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    ),
    code: "docker.daemon_down",
  },
  {
    machine: "a broken context",
    docker: fails(
      'unable to resolve docker endpoint: context "far": context not found: open /x/meta.json: no such file or directory',
    ),
    code: "docker.context_broken",
  },
  {
    machine: "podman in the place of docker",
    docker: fails("Emulate Docker CLI using podman.\nError: looking up compose provider failed"),
    code: "docker.podman",
  },
  {
    machine: "an engine on another machine",
    docker: 'case "$1" in info) /bin/cat info.json ;; compose) echo 2.40.3 ;; *) exit 1 ;; esac',
    env: { DOCKER_HOST: "tcp://192.0.2.7:2375" },
    code: "docker.elsewhere",
  },
  {
    machine: "an engine at the end of ssh",
    docker: 'case "$1" in compose) echo 2.40.3 ;; *) exit 1 ;; esac',
    env: { DOCKER_HOST: "ssh://ann@spark.example" },
    code: "docker.elsewhere",
  },
  {
    machine: "tools of which none answers",
    docker: hangs,
    tools: ["nvidia-smi", "lsblk", "ss", "id", "getent", "systemctl", "loginctl"],
    code: "docker.no_answer",
  },
];

describe("heros doctor says what heros setup would say on a machine with", () => {
  it.each(machines)("$machine", async ({ docker, env = {}, tools = [], code }) => {
    for (const tool of tools) await sandbox.command(tool, hangs);
    await sandbox.file("info.json", fixture("docker/28-runtime.json"));
    if (docker !== null) await sandbox.command("docker", docker);
    const catalog = await catalogOf(sandbox, "demo/voice", hub.commit("demo/voice"));
    const where = ["--catalog", catalog, "--endpoint", hub.endpoint, "--allow-unsupported"];
    const run = (...words: readonly string[]) =>
      sandbox.run([...words, ...where, "--json"], { env });
    const checked = await run("doctor");
    const [doctor, setup] = [failureOf(checked), failureOf(await run("setup", "--yes"))];
    expect(setup).toMatchObject({ code, exitCode: 4 });
    expect(doctor.exitCode).toBe(setup.exitCode);
    // Of several, doctor counts them first.
    expect(doctor.message.endsWith(setup.message)).toBe(true);
    const [fix] = setup.hint.split("\n");
    expect(doctor.hint).toBe(fix);
    const reports = checked.events().filter((event) => event.type === "doctor.report");
    expect(reports).toHaveLength(1);
    expect(eventSchemas["doctor.report"].parse(reports[0]).checks).toHaveLength(checks.length);
    // A look ahead goes on without an engine, but not without an answer.
    if (tools.length > 0) return;
    const ahead = (await run("setup", "--yes", "--dry-run")).events();
    const reasons = ahead.flatMap((event) => (event.type === "notice" ? [event.code] : []));
    expect(reasons).toContain(code);
  });
});
