import { assessPort } from "../../src/checks/port.ts";
import type { Probe } from "../../src/host/time-limit.ts";
import { mkdtemp, mkdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { askPort } from "../../src/machine/port.ts";
import { installTool } from "../machine/fake-tools.ts";
import { serve, serveRaw, type TestServer } from "../machine/server.ts";
import { testProbe } from "../machine/test-host.ts";

const servers: Pick<TestServer, "close">[] = [];
const temporary: string[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map(async (server) => server.close()));
  await Promise.all(temporary.splice(0).map((made) => rm(made, { recursive: true })));
});

async function newFolder(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "heros-port-"));
  temporary.push(made);
  return made;
}

async function busyPort(body = "hello", status = 200): Promise<number> {
  const server = await serve((_request, response) => response.writeHead(status).end(body));
  servers.push(server);
  return server.port;
}

const health = JSON.stringify({
  status: "starting",
  checks: { gpu: { available: true, device: "NVIDIA GB10" }, models: {} },
  capabilities: { memory_search: true, voice_stt: false },
});

function psLine(
  name: string,
  labels: Readonly<Record<string, string>>,
  ports = ":PORT->8000/tcp",
): string {
  return JSON.stringify({
    Names: name,
    Ports: ports.replace(/^:/, "5432/tcp, 0.0.0.0:"),
    Labels: Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(","),
    State: "running",
  });
}

function composeLabels(service: string, folder: string): Readonly<Record<string, string>> {
  return {
    "com.docker.compose.config-hash": "1f2e",
    "com.docker.compose.project.config_files": `${folder}/docker-compose.yml,${folder}/docker-compose.heros.yml`,
    "com.docker.compose.project.working_dir": folder,
    "com.docker.compose.service": service,
    "org.opencontainers.image.title": "a, b and c",
  };
}

/** What the check says of a port as the machine answers for it. */
async function findingAt(probe: Probe, asked: Parameters<typeof askPort>[1]) {
  return assessPort(asked.port, await askPort(probe, asked), probe);
}

describe("a port", () => {
  it("is free where nothing listens", async () => {
    const port = await busyPort();
    await servers.splice(0)[0]?.close();
    expect(await findingAt(testProbe(), { port, projectDir: "/s" })).toEqual({
      status: "ok",
      found: `port ${port} is free`,
    });
  });

  it("is taken by a program, which is named with the way to stop it and the next free port", async () => {
    const port = await busyPort();
    const finding = await findingAt(testProbe(), { port, projectDir: "/s" });
    expect(finding.status).toBe("failed");
    expect(finding.found).toMatch(
      new RegExp(`^port ${port} is in use by .+ \\(PID ${process.pid}\\)$`),
    );
    expect(finding.remedy).toContain(`kill ${process.pid}`);
    expect(finding.failure).toMatchObject({ code: "port.taken", exitCode: 4 });
    const other = Number(/heros setup --port (\d+)/.exec(finding.remedy ?? "")?.[1]);
    expect(other).toBeGreaterThan(port);
    expect(await testProbe().host.network.portIsFree(other)).toBe(true);
  });

  it("of the system itself is never told to be killed", () => {
    const owner = { kind: "process", name: "systemd", pid: 1 } as const;
    const answer = { state: "taken", owner, other: 8001 } as const;
    const { found, remedy } = assessPort(8000, answer, { limitMs: 4000 });
    expect(found).toBe("port 8000 is in use by systemd (PID 1)");
    expect(remedy).toBe("Use another port (heros setup --port 8001).");
  });

  it("is free where another heros had it for the moment of its own look", async () => {
    const port = await busyPort();
    const probe = testProbe();
    const clock = {
      ...probe.host.clock,
      async sleep(ms: number, signal?: AbortSignal) {
        if (ms > 1000) return probe.host.clock.sleep(ms, signal);
        await servers.splice(0)[0]?.close();
      },
    };
    const looking = { ...probe, host: { ...probe.host, clock } };
    expect(await findingAt(looking, { port, projectDir: "/s" })).toMatchObject({ status: "ok" });
  });

  it("is fine where Annie answers, even while she only starts", async () => {
    const finding = await findingAt(testProbe(), {
      port: await busyPort(health, 503),
      projectDir: "/s",
    });
    expect(finding).toMatchObject({ status: "ok" });
    expect(finding.found).toMatch(/\{assistant\} is already running there$/);
  });

  it("is taken where a program listens and says nothing", async () => {
    const silent = await serveRaw(null);
    servers.push(silent);
    const probe = testProbe();
    const finding = await findingAt(probe, { port: silent.port, projectDir: "/s" });
    expect(finding.failure?.code).toBe("port.taken");
  });
});

async function findingWith(ps: string, projectDir: string, body?: string) {
  const bin = await newFolder();
  const port = await busyPort(body);
  await installTool(bin, "docker", { stdout: `${ps.replaceAll("PORT", String(port))}\n` });
  return findingAt(testProbe({ env: { PATH: bin } }), { port, projectDir, core: "her-os-core" });
}

describe("a port that a container has", () => {
  it("is fine where the container is our own, from an earlier run", async () => {
    const root = await newFolder();
    await mkdir(path.join(root, "her-os"));
    await symlink(path.join(root, "her-os"), path.join(root, "link"));
    const ps = psLine(
      "her-os-her-os-core-1",
      composeLabels("her-os-core", path.join(root, "her-os")),
    );
    expect((await findingWith(ps, path.join(root, "link"))).status).toBe("ok");
  });

  it("is taken where the container is of another folder, though Annie answers", async () => {
    const ps = psLine("old-her-os-core-1", composeLabels("her-os-core", "/srv/old"));
    const finding = await findingWith(ps, "/home/ann/her-os", health);
    expect(finding.failure?.code).toBe("port.taken");
    expect(finding.found).toMatch(/is in use by the container old-her-os-core-1 of \/srv\/old$/);
    expect(finding.remedy).toContain("docker stop old-her-os-core-1");
  });

  it("is fine where our own container shares the machine's network, and so publishes nothing", async () => {
    const ps = psLine("core", composeLabels("her-os-core", "/srv/her-os"), "");
    expect((await findingWith(ps, "/srv/her-os")).status).toBe("ok");
    expect((await findingWith(ps, "/srv/other")).status).toBe("failed");
  });

  it("is taken where our own container has another port", async () => {
    const ps = psLine("core", composeLabels("her-os-core", "/srv/her-os"), "0.0.0.0:1->8000/tcp");
    expect((await findingWith(ps, "/srv/her-os")).status).toBe("failed");
  });

  it("is taken where another service has it", async () => {
    const ps = psLine("open-webui", {});
    expect((await findingWith(ps, "/srv")).found).toMatch(/in use by the container open-webui$/);
  });

  it("is fine where the folder is not told, and Annie answers", async () => {
    const ps = psLine("core", {
      ...composeLabels("her-os-core", "."),
      "com.docker.compose.project.working_dir": ".",
    });
    expect((await findingWith(ps, "/srv", health)).status).toBe("ok");
    expect((await findingWith(ps, "/srv")).status).toBe("failed");
  });
});
