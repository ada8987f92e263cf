import { describe, expect, it } from "vitest";
import {
  assessHealth,
  assessFiles,
  assessMounts,
  assessServices,
  voiceOf,
} from "../../src/checks/stack.ts";
import type { Container } from "../../src/docker/containers.ts";
import type { Voice } from "../../src/docker/watch-containers.ts";
import { late } from "../../src/host/time-limit.ts";
import type { LikelyCause } from "../../src/run/failures/annie.ts";
import { failure } from "../../src/run/failures/table.ts";

const limitMs = 4000;
const stackDir = "/home/ann/her-os";
const setUp = { isSetUp: true, limitMs, stackDir };
const url = "http://127.0.0.1:8000";

describe("Annie", () => {
  const degraded = failure("annie.degraded", {
    stackDir,
    status: "degraded",
    lacks: ["voice_stt"],
  });

  it("is in order where she is online", () => {
    expect(
      assessHealth({ state: "online", url, problem: null, answeredInMs: null }, setUp),
    ).toEqual({
      status: "ok",
      found: `online at ${url}`,
    });
  });

  it("that answered a test question is told with the time it took", () => {
    const found = { state: "online", url, problem: null, answeredInMs: 420 } as const;
    expect(assessHealth(found, setUp)).toEqual({
      status: "ok",
      found: `online at ${url}, answered a test question in 0.4 s`,
    });
  });

  it("that is degraded is a failure with exit status 3", () => {
    expect(
      assessHealth({ state: "degraded", url, problem: degraded, answeredInMs: null }, setUp),
    ).toMatchObject({
      status: "failed",
      failure: { code: "annie.degraded", exitCode: 3 },
    });
  });

  it("that is not running can be started, and is not missed before her setup", () => {
    const gone = failure("annie.unreachable", { stackDir, url, from: "nobody" });
    const absent = { state: "absent", url, problem: gone, answeredInMs: null } as const;
    const finding = assessHealth(absent, setUp);
    expect(finding).toMatchObject({ status: "warning" });
    expect(finding).not.toHaveProperty("failure");
    expect(assessHealth(absent, { ...setUp, isSetUp: false }).status).toBe("skipped");
    expect(assessHealth(late, setUp).status).toBe("warning");
  });
});

describe("her services", () => {
  const core: Container = {
    service: "her-os-core",
    name: "her-os-her-os-core-1",
    state: "healthy",
    exitCode: 0,
    status: "Up 2 minutes (healthy)",
  };
  /** Annie waits for Postgres alone. */
  const trouble = (
    { service, state, exitCode }: Container,
    likelyCause: LikelyCause | null = null,
    outOfMemory = false,
  ) =>
    Promise.resolve({
      failure: failure("annie.container_failed", {
        stackDir,
        service,
        state,
        exitCode,
        likelyCause,
        logLines: ["bye"],
        checkSays: null,
      }),
      isNeeded: service === "her-os-core" || service === "postgres",
      outOfMemory,
    });
  const asked = {
    docker: "running",
    stackDir,
    own: "her-os-core",
    start: "heros up",
    limitMs,
    troubleOf: (container: Container) => trouble(container),
    voice: () => Promise.resolve("silent" as const),
  } as const;
  const judge = (...containers: readonly Container[]) =>
    assessServices({ containers, error: null }, asked);

  it("are in order where all run, and a helper has ended", async () => {
    const helper: Container = { ...core, service: "init", state: "exited" };
    expect(await judge(core, helper)).toEqual({ status: "ok", found: "1 running" });
  });

  it("end as a setup would where Annie's own, or one that she waits for, does not run", async () => {
    for (const service of ["her-os-core", "postgres"]) {
      const finding = await judge(core, { ...core, service, state: "restarting", exitCode: 1 });
      expect(finding).toMatchObject({
        status: "failed",
        found: `${service} keeps restarting (exit status 1)`,
        remedy: `Check its log: cd ${stackDir} && docker compose logs ${service}`,
        failure: { code: "annie.container_failed", exitCode: 1 },
      });
      expect(finding.failure?.message).toContain("bye");
    }
  });

  it("are told of Annie's own first, whatever else of the user's has ended", async () => {
    const other = { ...core, service: "backup", state: "exited", exitCode: 1 } as const;
    expect(await judge(other)).toMatchObject({
      status: "warning",
      found: "backup stopped with exit status 1",
      remedy: `Check its log: cd ${stackDir} && docker compose logs backup`,
    });
    const both = await judge(other, { ...core, state: "exited", exitCode: 3 });
    expect(both).toMatchObject({ status: "failed", failure: { code: "annie.container_failed" } });
    expect(both.found).toMatch(/^her-os-core .*; backup /u);
  });

  it("that somebody stopped are started again, unless the kernel killed them for memory", async () => {
    for (const exitCode of [0, 137, 143]) {
      const finding = await judge({ ...core, state: "exited", exitCode });
      expect(finding.status).toBe("warning");
      expect(finding.remedy).toMatch(/^heros up starts it again\. Check its log: /u);
    }
    const killed = { ...core, state: "exited", exitCode: 137 } as const;
    const troubleOf = (container: Container) =>
      trouble(container, { kind: "killed", memoryLimitBytes: null, isCertain: true }, true);
    const listing = { containers: [killed], error: null };
    expect(await assessServices(listing, { ...asked, troubleOf })).toMatchObject({
      status: "failed",
      remedy: expect.stringContaining("ran out of memory") as unknown,
    });
  });

  it("that Docker calls unhealthy stop her where she does not answer herself", async () => {
    const listing = { containers: [{ ...core, state: "unhealthy" } as const], error: null };
    const judged = (voice: Voice) =>
      assessServices(listing, { ...asked, voice: () => Promise.resolve(voice) });
    expect(await judged("silent")).toMatchObject({ status: "failed" });
    const unwell = await judged("unwell");
    expect(unwell.status).toBe("warning");
    expect(unwell.found).toContain("is running, but unhealthy");
    expect(voiceOf(late)).toBe("silent");
  });

  it("that were made and never started are started by heros up", async () => {
    expect(await judge(core, { ...core, service: "redis", state: "created" })).toEqual({
      status: "warning",
      found: "not started: redis",
      remedy: "heros up",
    });
  });

  it("that fail for a reason in their log come with its cure", async () => {
    const containers = [{ ...core, state: "exited", exitCode: 1 } as const];
    const troubleOf = (container: Container) =>
      trouble(container, { kind: "gpu-memory", lack: "share" });
    const finding = await assessServices({ containers, error: null }, { ...asked, troubleOf });
    expect(finding.found).toBe("her-os-core stopped with exit status 1");
    expect(finding.remedy).toMatch(/lower --gpu-memory-utilization.* Check its log: cd /u);
  });

  it("are started by setup where none is there, and are not asked for without Docker", async () => {
    expect(await judge()).toMatchObject({ status: "warning", remedy: "heros up" });
    const without = { ...asked, docker: "unusable" } as const;
    expect((await assessServices({ containers: [], error: null }, without)).status).toBe("skipped");
  });
});

describe("her files", () => {
  const file = `${stackDir}/docker-compose.heros.yml`;
  const judge = (state: "missing" | "edited" | "outdated") =>
    assessFiles({ failure: null, files: [{ path: file, state }], openEnv: null }, setUp);

  it("are in order where a setup would change none", () => {
    expect(assessFiles({ failure: null, files: [], openEnv: null }, setUp).status).toBe("ok");
  });

  it("are told with what is wrong with each", () => {
    expect(judge("outdated")).toEqual({
      status: "warning",
      found: `docker-compose.heros.yml is outdated, in ${stackDir}`,
      remedy: "heros setup",
    });
    expect(judge("missing").found).toContain("is missing");
    expect(judge("edited")).toMatchObject({
      remedy: expect.stringContaining("keeps a copy") as unknown,
    });
  });

  it("may leave out heros' own file, or lie open with passwords in them", () => {
    const openEnv = `${stackDir}/.env`;
    const files = [{ path: openEnv, state: "unnamed" } as const];
    const open = assessFiles({ failure: null, files: [], openEnv }, setUp);
    expect(open).toEqual({
      status: "warning",
      found: `other users can read .env, which holds passwords, in ${stackDir}`,
      remedy: `chmod 600 ${openEnv}`,
    });
    const both = assessFiles({ failure: null, files, openEnv }, setUp);
    expect(both.found).toMatch(
      /^\.env does not name docker-compose\.heros\.yml in COMPOSE_FILE, /u,
    );
    expect(both.remedy).toBe(`chmod 600 ${openEnv}, then heros setup`);
  });

  it("that a setup refuses fail with its own reason, set up or not", () => {
    const invalid = failure("stack.base_invalid", { problem: "no", remedy: "yes" });
    const found = { failure: invalid, files: [], openEnv: null };
    for (const isSetUp of [true, false]) {
      expect(assessFiles(found, { ...setUp, isSetUp })).toMatchObject({
        status: "failed",
        failure: { code: "stack.base_invalid", exitCode: 2 },
      });
    }
  });
});

describe("the models in her container", () => {
  const mounts = { container: "core-1", wanted: "/cache" };

  it("are the ones of her compose files", () => {
    expect(assessMounts({ ...mounts, real: "/cache" }, { limitMs }).status).toBe("ok");
  });

  it("are downloaded again where nothing is mounted", () => {
    expect(assessMounts({ ...mounts, real: null }, { limitMs })).toMatchObject({
      status: "warning",
      found: "core-1 has no models mounted, and downloads its own",
    });
    expect(assessMounts({ ...mounts, real: "/old" }, { limitMs }).found).toContain("instead of");
    expect(assessMounts(null, { limitMs }).status).toBe("skipped");
  });
});
