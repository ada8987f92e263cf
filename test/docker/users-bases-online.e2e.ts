import { mkdtemp, readFile, rename, rm, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { photograph } from "../deploy/compose/fixtures.ts";
import { freePort } from "../host/free-port.ts";
import { openCells } from "./cells.ts";
import { docker, type HerosRun, ofType } from "./run-heros.ts";
import { openScene, type Scene } from "./scene.ts";
import { isOnline, mountOfAnnie } from "./storage.ts";

const cell = openCells();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "heros-online-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What is done to the stack's folder, where the usual base lies as docker-compose.yml. */
const layouts: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  "a base in a subfolder, by COMPOSE_FILE, with a project name": async ({ stackDir }) => {
    await mkdir(path.join(stackDir, "deploy"));
    await rename(
      path.join(stackDir, "docker-compose.yml"),
      path.join(stackDir, "deploy/core.yaml"),
    );
    const name = path.basename(stackDir).toLowerCase();
    await put(stackDir, {
      ".env": `COMPOSE_FILE=deploy/core.yaml\nCOMPOSE_PROJECT_NAME=${name}-mine\n`,
    });
  },
  "include alone, several documents, a profile": async ({ stackDir }) => {
    await rename(path.join(stackDir, "docker-compose.yml"), path.join(stackDir, "base.yaml"));
    await put(stackDir, {
      "compose.yaml":
        "include: [base.yaml]\n---\nservices: {extra: {image: 'redis:7.4.5-bookworm', profiles: [more]}}\n",
      ".env": "COMPOSE_PROFILES=more\n",
    });
  },
  "another service's network, a health check that is off, a user": ({ stackDir }) =>
    put(stackDir, {
      "compose.override.yaml": `services:
  gate:
    image: redis:7.4.5-bookworm
    ports: [{target: 8000, published: "\${HER_OS_PORT:-8000}", host_ip: 127.0.0.1}]
  her-os-core:
    network_mode: service:gate
    ports: !reset []
    user: "1000:1000"
    restart: "no"
    healthcheck: {disable: true}
    labels: [mine=yes]
`,
    }),
  "extends, anchors, env_file, a volume where the models are, a port of one's own": async ({
    stackDir,
  }) => {
    await rm(path.join(stackDir, "docker-compose.yml"));
    await put(stackDir, {
      "core.env": "MINE=1\n",
      "part.yaml": `services:
  core:
    image: ghcr.io/her-os/her-os-core:latest
    environment: {POSTGRES_PASSWORD: "\${POSTGRES_PASSWORD:?}"}
    volumes: [./conf:/conf]
`,
      "compose.yml": `x-all: &all {restart: unless-stopped, env_file: [core.env]}
services:
  her-os-core:
    <<: *all
    extends: {file: part.yaml, service: core}
    depends_on: [postgres]
    ports: ["${await freePort()}:8000"]
    volumes: [{type: volume, source: mine, target: /data/models}]
  postgres:
    <<: *all
    image: postgres:17.6-bookworm
volumes: {mine: }
`,
    });
  },
};

for (const [kind, lay] of Object.entries(layouts)) {
  cell(kind, async () => {
    const cacheDir = path.join(folder, "hub");
    const scene = await openScene({ scale: 0.0005, cacheDir, ownPasswords: true });
    await lay(scene);
    const flags = [`--port=${await freePort()}`, "--tiers=1"];
    const run = await scene.setup(flags);
    isOnline(run);
    expect(await mountOfAnnie(scene)).toMatchObject({ Source: scene.cacheDir, RW: false });
    const [before, files] = [await containers(scene), await photograph(scene.stackDir)];
    isOnline(await scene.setup(flags));
    expect(await containers(scene)).toEqual(before);
    expect(await photograph(scene.stackDir)).toEqual(files);
    return `${before.size} containers, ${seconds(run)}`;
  });
}

cell("another port, another place, another startup: who is not Annie stays as she is", async () => {
  const scene = await openScene({ scale: 0.0005, storage: true });
  const [one, other] = [await freePort(), await freePort()];
  const file = (name: string) => readFile(path.join(scene.stackDir, name), "utf8");
  const written = async () => Promise.all(["docker-compose.heros.yml", ".env"].map(file));
  const usual = [`--port=${one}`, "--tiers=1", "--storage=hub-cache", "--startup=progressive"];
  isOnline(await scene.setup(usual));
  const [first, files] = [await containers(scene), await written()];
  const how: string[] = [];
  for (const flag of [`--port=${other}`, "--storage=stack-dir", "--startup=warmup"]) {
    const [name = ""] = flag.split("=");
    const run = await scene.setup([...usual.filter((each) => !each.startsWith(name)), flag]);
    isOnline(run);
    const port = name === "--port" ? other : one;
    expect(ofType(run, "annie.online")).toMatchObject([{ url: `http://127.0.0.1:${port}` }]);
    expect(othersOf(await containers(scene))).toEqual(othersOf(first));
    how.push(name);
  }
  isOnline(await scene.setup(usual));
  expect(othersOf(await containers(scene))).toEqual(othersOf(first));
  expect(await written()).toEqual(files);
  expect(await mountOfAnnie(scene)).toMatchObject({ Type: "bind", RW: false });
  return how.join(", ");
});

async function put(stackDir: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await writeFile(path.join(stackDir, name), text);
  }
}

/** By service: which container it is, and since when it runs. */
async function containers({ stackDir }: Scene): Promise<ReadonlyMap<string, string>> {
  const ids = (await docker(["compose", "ps", "-aq"], stackDir)).trim().split("\n");
  const format =
    '{{index .Config.Labels "com.docker.compose.service"}} {{.Id}} {{.State.StartedAt}}';
  const lines = (await docker(["inspect", "--format", format, ...ids])).trim().split("\n");
  return new Map(
    lines.toSorted().map((line) => {
      const [service = "", ...rest] = line.split(" ");
      return [service, rest.join(" ")];
    }),
  );
}

function othersOf(all: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...all].filter(([name]) => !/^(?:her-os-core|model-warmup)$/u.test(name)));
}

function seconds(run: HerosRun): string {
  return `online after ${((ofType(run, "annie.online")[0]?.elapsedMs ?? Number.NaN) / 1000).toFixed(1)} s`;
}
