import { withName } from "../../src/run/assistant.ts";
import { chmod, mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { checks as table } from "../../src/checks/table.ts";
import { eventSchemas } from "../../src/record/event-schemas.ts";
import type { EmbeddedHub } from "../../src/demo/hub/hub.ts";
import { freePort } from "../host/free-port.ts";
import { fixture } from "../machine/fixture.ts";
import type { HerosRun, Sandbox } from "./sandbox.ts";
import { catalogOf, failureOf, openHosted } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;
let catalog: string;
let port: string;

/** A PC with Docker: nothing is wrong with it but that it is no Spark. */
beforeEach(async () => {
  ({ sandbox, hub } = await openHosted());
  catalog = await catalogOf(sandbox, "demo/voice", hub.commit("demo/voice"));
  port = String(await freePort());
  const info = await sandbox.file("info.json", fixture("docker/28-runtime.json"));
  await sandbox.command(
    "docker",
    `case "$1" in info) /bin/cat ${info} ;; compose) echo 2.40.3 ;; *) exit 1 ;; esac`,
  );
});

interface Given {
  readonly endpoint?: string;
  readonly cacheDir?: string;
  readonly args?: readonly string[];
}

async function heros(command: string, given: Given = {}): Promise<HerosRun> {
  const { endpoint = hub.endpoint, cacheDir = join(sandbox.dir, "cache"), args = [] } = given;
  const where = ["--catalog", catalog, "--endpoint", endpoint, "--cache-dir", cacheDir];
  return sandbox.run([command, ...where, ...args, "--json"], { env: { HER_OS_PORT: port } });
}

async function doctor(given: Given = {}): Promise<HerosRun> {
  return heros("doctor", { ...given, args: ["--allow-unsupported", ...(given.args ?? [])] });
}

function statusOf(run: HerosRun, id: string): string | undefined {
  const checks = run.events().filter((event) => event.type === "check.finished");
  return checks.find((check) => check.id === id)?.status;
}

describe("heros doctor on a machine that is no Spark", () => {
  it("refuses as setup does, until there is consent", async () => {
    const refused = failureOf(await heros("doctor"));
    expect(refused).toMatchObject({ code: "doctor.problems", exitCode: 4 });
    expect(refused.hint).toContain("--allow-unsupported");
    const setup = failureOf(await heros("setup", { args: ["--yes"] }));
    expect(setup).toMatchObject({ code: "machine.unsupported", exitCode: 4 });
    expect(refused.message).toBe(setup.message);
    const agreed = await doctor();
    expect([agreed.exitCode, statusOf(agreed, "hub")]).toEqual([0, "ok"]);
  });
});

describe("a machine that lacks several things", () => {
  it("has as many problems as checks that failed, and setup --yes names each of them", async () => {
    await sandbox.command("docker", "exit 127");
    const cacheDir = join(sandbox.dir, "file");
    await writeFile(cacheDir, "");
    const run = await heros("doctor", { cacheDir });
    const checks = run.events().filter((event) => event.type === "check.finished");
    const failed = checks.filter(({ status }) => status === "failed");
    expect(failed.map(({ id }) => id)).toContain("product");
    expect(failureOf(run).message).toContain(`${failed.length} problems prevent Annie`);
    const setup = failureOf(await heros("setup", { cacheDir, args: ["--yes"] }));
    const also = setup.hint.split("\n").filter((line) => line.startsWith("Also: "));
    expect(also).toHaveLength(failed.length - 1);
    expect(also.join("\n")).toContain("--allow-unsupported");
    expect(also.join("\n")).toContain(cacheDir);
  });
});

/** What pull can't work with, and the check that must not pass. */
const troubles: [what: string, check: string, lay: () => Promise<Given>][] = [
  [
    "a mirror that answers, and has no models",
    "hub",
    async () => {
      const server = createServer((request, response) => {
        const known = request.url?.startsWith("/api/models?") === true;
        response.writeHead(known ? 200 : 404, { "content-type": "application/json" }).end("[]");
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      onTestFinished(() => void server.close());
      return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    },
  ],
  [
    "a Hub whose files nobody may have",
    "hub",
    async () => {
      hub.setIntercept(({ url }) =>
        url.includes("/resolve/")
          ? { answer: { status: 403, headers: { "x-error-code": "GatedRepo" }, body: "" } }
          : undefined,
      );
      return {};
    },
  ],
  [
    "a file where a model's folder should be",
    "models.folder",
    async () => {
      const cacheDir = join(sandbox.dir, "cache");
      await mkdir(cacheDir);
      await writeFile(join(cacheDir, "models--demo--voice"), "");
      return { cacheDir };
    },
  ],
  [
    "a cache behind a link that leads nowhere",
    "disk.models",
    async () => {
      const cacheDir = join(sandbox.dir, "link");
      await symlink(join(sandbox.dir, "gone"), cacheDir);
      return { cacheDir };
    },
  ],
  [
    "a file where the cache should be",
    "disk.models",
    async () => {
      const cacheDir = join(sandbox.dir, "file");
      await writeFile(cacheDir, "");
      return { cacheDir };
    },
  ],
];

describe("heros doctor and heros pull", () => {
  it.each(troubles)("judge alike: %s", async (_what, check, lay) => {
    const given = await lay();
    const found = await doctor(given);
    expect(statusOf(found, check)).toBe("failed");
    const failure = failureOf(found);
    const pulled = failureOf(await heros("pull", given));
    expect([failure.exitCode, failure.message]).toEqual([pulled.exitCode, pulled.message]);
    const reported = found
      .events()
      .find((event) => event.type === "check.finished" && event.id === check);
    expect(reported).toMatchObject({ code: pulled.code });
  });

  it("need neither Hub nor a disk that can be written to where all models are there", async () => {
    await mkdir(join(sandbox.dir, "cache"));
    expect((await heros("pull")).exitCode).toBe(0);
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const found = await doctor({ endpoint });
    expect([found.exitCode, statusOf(found, "hub")]).toEqual([0, "failed"]);
    expect((await heros("pull", { endpoint })).exitCode).toBe(0);
  });
});

describe("heros doctor with the ids of checks", () => {
  it("runs those alone, and asks the machine nothing else", async () => {
    await sandbox.command("docker", `echo "$*" >>${join(sandbox.dir, "asked")}; exit 127`);
    const run = await doctor({ args: ["cpu", "disk.models"] });
    const finished = run.events().filter((event) => event.type === "check.finished");
    expect(finished.map(({ id }) => id).toSorted()).toEqual(["cpu", "disk.models"]);
    expect(run.exitCode).toBe(0);
    expect(run.events().some(({ type }) => type === "machine.detected")).toBe(false);
  });

  it("ends with the status of what they find", async () => {
    const down = "Cannot connect to the Docker daemon. Is the docker daemon running?";
    await sandbox.command("docker", `echo "${down}" >&2; exit 1`);
    const failure = failureOf(await doctor({ args: ["docker.engine", "cpu"] }));
    expect(failure).toMatchObject({ code: "doctor.problems", exitCode: 4 });
    expect((await doctor({ args: ["cpu"] })).exitCode).toBe(0);
  });

  it("refuses one that is not there, and names those that were meant", async () => {
    const failure = failureOf(await doctor({ args: ["gpus"] }));
    expect(failure).toMatchObject({ code: "doctor.unknown_check", exitCode: 2 });
    expect(failure.hint).toContain("Did you mean gpu?");
  });

  it("lists all with --list, and checks nothing", async () => {
    const run = await sandbox.run(["doctor", "--list"]);
    expect(run.exitCode).toBe(0);
    for (const { id, title, why } of table) {
      expect(run.stdout).toContain(id);
      expect(run.stdout).toContain(withName(title, null));
      expect(run.stdout).toContain(withName(why, null));
    }
    expect(run.stdout.split("\n").every((line) => line.length <= 80)).toBe(true);
    const json = await sandbox.run(["doctor", "--list", "--json"]);
    expect(json.events().map(({ type }) => type)).toEqual([
      "run.started",
      "checks.listed",
      "run.succeeded",
    ]);
  });
});

describe("the report of heros doctor", () => {
  it("comes right before the closing record, with every check once", async () => {
    await sandbox.command("docker", "exit 127");
    const run = await doctor();
    const report = run.events().at(-2);
    if (report?.type !== "doctor.report") throw new Error(`found ${report?.type}`);
    expect(eventSchemas["doctor.report"].safeParse(report).error).toBeUndefined();
    expect(report.schema).toBe(1);
    expect(report.checks.map(({ id }) => id)).toEqual(table.map(({ id }) => id));
    for (const each of report.checks) {
      expect(Object.keys(each)).toEqual(["id", "title", "status", "found", "why", "fix"]);
    }
    const compose = report.checks.find(({ id }) => id === "docker.gpu");
    expect(compose).toMatchObject({ status: "skipped", found: "Docker is not running", fix: null });
  });

  it("has the checks that were run alone", async () => {
    const run = await doctor({ args: ["hub", "cpu"] });
    const report = run.events().at(-2);
    expect(report).toMatchObject({ checks: [{ id: "cpu" }, { id: "hub", status: "ok" }] });
  });
});

describe("heros doctor where Annie was set up", () => {
  /** Answers as her health contract says. */
  async function startAnnie(report: object): Promise<number> {
    const server = createServer((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(report));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  }

  const report = (status: string) => ({
    status,
    checks: { gpu: { available: true, device: "NVIDIA GB10" }, models: {} },
    capabilities: {},
  });

  beforeEach(async () => {
    await sandbox.file("home/her-os/docker-compose.heros.yml", "services: {}\n");
  });

  it("ends with 3 where she is degraded, as heros status does", async () => {
    port = String(await startAnnie(report("degraded")));
    const run = await doctor();
    expect(statusOf(run, "annie")).toBe("failed");
    const told = failureOf(run);
    expect(told).toMatchObject({ code: "doctor.problems", exitCode: 3 });
    const where = ["--catalog", catalog, "--json"];
    const status = failureOf(
      await sandbox.run(["status", ...where], { env: { HER_OS_PORT: port } }),
    );
    expect([status.exitCode, status.message]).toEqual([told.exitCode, told.message]);
    expect((await doctor({ args: ["annie"] })).exitCode).toBe(3);
    expect((await doctor({ args: ["cpu"] })).exitCode).toBe(0);
  });

  it("ends with 0 where she is online, or where a setup would start her", async () => {
    const stopped = await doctor();
    expect([stopped.exitCode, statusOf(stopped, "annie")]).toEqual([0, "warning"]);
    port = String(await startAnnie(report("healthy")));
    const online = await doctor();
    expect([online.exitCode, statusOf(online, "annie")]).toEqual([0, "ok"]);
  });
});

describe("what surrounds a download", () => {
  const findingOf = (run: HerosRun, id: string) =>
    run.events().find((event) => event.type === "check.finished" && event.id === id);

  it("is checked beside the Hub: a token that others may read, and one that is refused", async () => {
    const token = await sandbox.file("home/.cache/huggingface/token", "hf_stale");
    await chmod(token, 0o644);
    const run = await doctor({ args: ["token"] });
    expect(findingOf(run, "token")).toMatchObject({
      status: "warning",
      found:
        "other users can read ~/.cache/huggingface/token; the Hub rejects the token in ~/.cache/huggingface/token",
    });
    expect(run.stdout).not.toContain("hf_stale");
  });

  it("is the clock, by the date of the Hub's answer", async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { date: "Mon, 01 Jan 2001 00:00:00 GMT" }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const run = await doctor({ endpoint, args: ["clock"] });
    expect(findingOf(run, "clock")).toMatchObject({ status: "warning" });
    expect(JSON.stringify(findingOf(run, "clock"))).toContain("ahead of the Hub's");
  });

  it("is a folder of models that can't be reached: the rest is checked as ever", async () => {
    await sandbox.command("docker", "echo nothing >&2; exit 1");
    const run = await sandbox.run(
      ["doctor", "--catalog", catalog, "--endpoint", hub.endpoint, "--json"],
      { env: { HEROS_STORAGE: "volume:model-cache" } },
    );
    expect(findingOf(run, "disk.models")).toMatchObject({
      status: "failed",
      code: "cache.out_of_reach",
    });
    expect(findingOf(run, "models")).toMatchObject({ status: "skipped" });
    expect(findingOf(run, "cpu")).toMatchObject({ status: "ok" });
  });
});

describe("heros doctor --fix", () => {
  it("closes a token file after showing it, and finds it in order then", async () => {
    const token = await sandbox.file("home/.cache/huggingface/token", "hf_\u2603");
    await chmod(token, 0o644);
    const told = await doctor({ args: ["token"] });
    expect(told.events()).toContainEqual(expect.objectContaining({ code: "doctor.fixable" }));
    expect((await stat(token)).mode & 0o777).toBe(0o644);
    const run = await doctor({ args: ["token", "--fix"] });
    expect((await stat(token)).mode & 0o777).toBe(0o600);
    const events = run.events();
    expect(events).toContainEqual(
      expect.objectContaining({ code: "doctor.fixing", message: `Fixing: chmod 600 ${token}` }),
    );
    const report = events.find((event) => event.type === "doctor.report");
    expect(report?.checks).toHaveLength(1);
    expect(JSON.stringify(report)).not.toContain("other users");
  });

  it("removes names that interrupted runs left in Docker, and no other", async () => {
    const gone = `127.0.0.1:${await freePort()}/heros-${"0a".repeat(16)}/0:run`;
    const names = await sandbox.file("names", `redis:7\n${gone}\n`);
    await sandbox.command(
      "docker",
      `case "$1" in info) /bin/cat ${join(sandbox.dir, "info.json")} ;; image) /bin/cat ${names} ;;
      rmi) echo "$2" >>${names}.removed; echo redis:7 >${names} ;; *) exit 1 ;; esac`,
    );
    const run = await doctor({ args: ["leftovers", "--fix"] });
    expect(await readFile(`${names}.removed`, "utf8")).toBe(`${gone}\n`);
    const report = run.events().find((event) => event.type === "doctor.report");
    expect(report?.checks).toMatchObject([{ id: "leftovers", status: "ok", found: "none" }]);
  });

  it("says what it could not do", async () => {
    const gone = `127.0.0.1:${await freePort()}/heros-${"0a".repeat(16)}/0:run`;
    await sandbox.command(
      "docker",
      `case "$1" in info) /bin/cat ${join(sandbox.dir, "info.json")} ;; image) echo ${gone} ;;
      *) echo "in use" >&2; exit 1 ;; esac`,
    );
    const run = await doctor({ args: ["leftovers", "--fix"] });
    expect(run.events()).toContainEqual(
      expect.objectContaining({ code: "doctor.not_fixed", message: "Not fixed: in use" }),
    );
  });

  it("writes the file of heros again where it alone is outdated or missing, and leaves one that was edited", async () => {
    const file = join(sandbox.home, "her-os", "docker-compose.heros.yml");
    // Nobody answers as Annie: her files are there all the same.
    await heros("setup", { args: ["--yes", "--allow-unsupported", "--annie-timeout", "1"] });
    const written = await readFile(file, "utf8");
    const fix = async (cacheDir?: string) =>
      doctor({ args: ["files", "--fix"], ...(cacheDir === undefined ? {} : { cacheDir }) });
    expect(statusOf(await fix(), "files")).toBe("ok");

    const other = join(sandbox.dir, "other");
    expect((await fix(other)).exitCode).toBe(0);
    expect(await readFile(file, "utf8")).toContain(other);
    await fix();
    expect(await readFile(file, "utf8")).toBe(written);

    // With the passwords of her databases.
    const env = join(sandbox.home, "her-os", ".env");
    await chmod(env, 0o644);
    expect((await fix()).stdout).toContain(`Fixing: chmod 600 ${env}`);
    expect((await stat(env)).mode & 0o777).toBe(0o600);

    const edited = written.replace("HF_HUB_OFFLINE", "MY_OWN");
    await writeFile(file, edited);
    expect(statusOf(await fix(), "files")).toBe("warning");
    expect(await readFile(file, "utf8")).toBe(edited);

    await rm(file);
    await fix();
    expect(await readFile(file, "utf8")).toContain("her-os-core:");
  });
});
