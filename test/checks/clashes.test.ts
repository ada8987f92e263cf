import { herOs } from "../her-os.ts";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { askClashes } from "../../src/checks/ask-clashes.ts";
import {
  assessClashes,
  clashFailure,
  findClashes,
  type Held,
  type HeldContainer,
  needsOf,
} from "../../src/checks/clashes.ts";
import { parseStackConfig } from "../../src/docker/compose.ts";
import type { PortAnswer } from "../../src/machine/port.ts";
import { freePort } from "../host/free-port.ts";
import { installTool } from "../machine/fake-tools.ts";
import { newFolder } from "../machine/look.ts";
import { testProbe } from "../machine/test-host.ts";

const stackDir = "/home/ann/her-os";
const file = `${stackDir}/docker-compose.yml`;
const text = JSON.stringify({
  name: "her-os",
  services: {
    "her-os-core": {
      container_name: "her-os-core",
      ports: [{ target: 8000, published: "8000", host_ip: "127.0.0.1" }],
      volumes: [{ type: "volume", source: "models", target: "/data/models" }],
    },
    postgres: {
      ports: [
        { target: 5432, published: "5432", host_ip: "127.0.0.1" },
        { target: 5433, published: "6000-6009" },
      ],
      volumes: [{ type: "volume", source: "pgdata", target: "/var/lib/postgresql/data" }],
    },
  },
  volumes: {
    pgdata: { name: "pgdata" },
    models: { name: "models" },
    shared: { name: "shared", external: true },
    unused: { name: "unused" },
  },
  networks: { default: { name: "her-os_default" }, web: { name: "web", external: true } },
});

function needs() {
  const config = parseStackConfig(text);
  if (config === null) throw new Error(text);
  return needsOf(herOs.stack, config, { stackDir, folders: [stackDir], file, port: 8000 });
}

function container(change: Partial<HeldContainer>): HeldContainer {
  return {
    name: "other-web-1",
    isRunning: true,
    published: [],
    service: "web",
    project: "other",
    projectDir: "/srv/other",
    projectFile: "/srv/other/compose.yml",
    volumes: [],
    folder: "/srv/other",
    isMoved: false,
    ...change,
  };
}

const nothing: Held = { containers: [], volumes: [], networks: [], ports: new Map() };
const judge = (held: Partial<Held>) => findClashes(needs(), { ...nothing, ...held });
const publishes = (port: number, address = "0.0.0.0", protocol = "tcp") => [
  { first: port, last: port, address, protocol },
];

describe("what a stack needs", () => {
  it("is what compose would make itself, without what Annie's models replace", () => {
    const { names, ports, volumes, networks } = needs();
    expect(names.map(({ name }) => name)).toEqual(["her-os-core", "her-os-postgres-1"]);
    expect(ports.map(({ port, isOwn }) => [port, isOwn])).toEqual([
      [8000, true],
      [5432, false],
    ]);
    expect(volumes).toEqual([{ key: "pgdata", name: "pgdata" }]);
    expect(networks).toEqual([{ key: "default", name: "her-os_default" }]);
  });
});

describe("clashes with other stacks", () => {
  it("are all told in one report: what, who has it, and what to do", () => {
    const taken: PortAnswer = {
      state: "taken",
      owner: { kind: "process", name: "python3", pid: 4711 },
      other: 8001,
    };
    const clashes = judge({
      containers: [
        container({ name: "her-os-core", isRunning: false }),
        container({ published: publishes(5432, "127.0.0.1") }),
      ],
      volumes: [{ name: "pgdata", project: "other" }],
      ports: new Map([[8000, taken]]),
    });
    const told = clashFailure(clashes);
    expect(told).toMatchObject({ code: "stack.clashes", exitCode: 4 });
    expect(told?.message).toBe(`4 things that this stack needs are taken on this machine:
  container name her-os-core is used by the stopped container her-os-core of the stack other in /srv/other
  port 8000 is in use by python3 (PID 4711)
  port 5432 of postgres is in use by the container other-web-1 of the stack other in /srv/other
  volume pgdata belongs to the stack other in /srv/other`);
    expect(told?.hint.split("\n")).toEqual([
      `Container name her-os-core: remove container_name: her-os-core from her-os-core in ${file}.`,
      "Port 8000: stop it (kill 4711), or use another port (heros setup --port 8001).",
      `Port 5432 of postgres: stop it (docker stop other-web-1), or publish another port of postgres in ${file}.`,
      `Volume pgdata: under volumes in ${file}, write pgdata: {name: her-os_pgdata}, or to use its data, pgdata: {name: pgdata, external: true}.`,
    ]);
    // Annie's port has a line of its own in a list of checks.
    expect(assessClashes(clashes).found).not.toContain("8000");
  });

  it("are none with the stack's own containers, by its project or its folder", () => {
    for (const own of [
      { project: "her-os", folder: "/srv/before", isMoved: true },
      { project: "her-os", folder: stackDir },
      { project: "renamed", folder: stackDir },
    ]) {
      const containers = [
        container({ ...own, name: "her-os-core", published: publishes(5432), volumes: ["pgdata"] }),
      ];
      const volumes = [{ name: "pgdata", project: "renamed" }];
      expect(judge({ containers, volumes })).toEqual([]);
    }
  });

  it("are none with a stopped container's port, another address, or another protocol", () => {
    const free = [
      { isRunning: false, published: publishes(5432) },
      { published: publishes(5432, "192.168.1.5") },
      { published: publishes(5432, "0.0.0.0", "udp") },
    ];
    for (const change of free) expect(judge({ containers: [container(change)] })).toEqual([]);
    const [clash] = judge({ containers: [container({ published: publishes(5432, "::") })] });
    expect(clash).toMatchObject({ kind: "port", what: "port 5432 of postgres" });
  });

  it("name a project of another folder once, and not what compose names after it", () => {
    const theirs = { project: "her-os", projectDir: "/srv/her-os", folder: "/srv/her-os" };
    const containers = [container({ ...theirs, name: "her-os-postgres-1" })];
    const clashes = judge({ containers });
    expect(clashes.map(({ kind }) => kind)).toEqual(["project"]);
    expect(clashFailure(clashes)).toMatchObject({
      code: "stack.project_taken",
      exitCode: 4,
      hint: expect.stringContaining(`COMPOSE_PROJECT_NAME=her-os-2 in ${stackDir}/.env`) as unknown,
    });
    // Compose leaves the label of a container that is as it should be.
    expect(
      judge({ containers: [...containers, container({ ...theirs, folder: stackDir })] }),
    ).toEqual([]);
  });

  it("tell what no stack made: a container that can be renamed, a volume, a network", () => {
    const clashes = judge({
      containers: [
        container({ name: "her-os-postgres-1", project: null, folder: null, projectDir: null }),
      ],
      volumes: [{ name: "pgdata", project: null }],
      networks: [{ name: "her-os_default", project: null }],
    });
    expect(clashes.map(({ kind }) => kind)).toEqual(["name", "volume", "network"]);
    expect(clashes[0]?.fix).toMatch(/docker rename her-os-postgres-1 her-os-postgres-1-old/u);
    expect(clashes[1]?.problem).toBe("exists already, and Docker Compose did not create it");
    expect(clashes[2]?.fix).toContain("default: {name: her-os_default-2}");
  });
});

describe("asking for clashes", () => {
  const config = parseStackConfig(text);

  async function ask(ps: string, folder: string) {
    if (config === null) throw new Error(text);
    const bin = await newFolder();
    await installTool(bin, "docker", { exitCode: 1, stdout: "[]" }, { ps: { stdout: ps } });
    const places = { stackDir: folder, projectDir: folder, port: await freePort() };
    const stack = { config: { ...config, ownVolumes: new Map(), ownNetworks: new Map() }, file };
    return askClashes(testProbe({ env: { PATH: bin } }), { core: herOs.stack, stack, ...places });
  }

  const line = (folder: string) =>
    JSON.stringify({
      Names: "her-os-core",
      State: "exited",
      Labels: [
        `com.docker.compose.project.config_files=${folder}/docker-compose.yml`,
        "com.docker.compose.project=her-os",
        `com.docker.compose.project.working_dir=${folder}`,
      ].join(","),
    });

  it("knows a folder by a link to it, and one that was moved", async () => {
    const root = await newFolder();
    const own = path.join(root, "her-os");
    const theirs = path.join(root, "theirs");
    for (const folder of [own, theirs]) await mkdir(folder);
    await symlink(own, path.join(root, "link"));
    const kinds = async (folder: string) =>
      (await ask(line(folder), path.join(root, "link")))
        ?.map(({ kind }) => kind)
        // Of this machine's own ports nothing is known.
        .filter((kind) => kind !== "port");
    expect(await kinds(own)).toEqual([]);
    expect(await kinds(theirs)).toEqual([]);
    await writeFile(path.join(theirs, "docker-compose.yml"), "services: {}\n");
    expect(await kinds(theirs)).toEqual(["project", "name"]);
  });

  it("ends without an answer where the engine gives none", async () => {
    const bin = await newFolder();
    if (config === null) throw new Error(text);
    const places = { stackDir: "/nowhere", projectDir: "/nowhere", port: await freePort() };
    const probe = testProbe({ env: { PATH: bin } });
    expect(
      await askClashes(probe, { core: herOs.stack, stack: { config, file }, ...places }),
    ).toBeNull();
  });
});
