import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { freePort } from "../host/free-port.ts";
import { openCells } from "./cells.ts";
import { expectFailure } from "./image-stock.ts";
import { docker, type HerosRun, ofType } from "./run-heros.ts";
import { openScene, type Scene } from "./scene.ts";

const cell = openCells();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "heros-failures-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Small models, which the first of them fetches. */
const open = () => openScene({ scale: 0.0005, cacheDir: path.join(folder, "hub") });
const flags = async () => [`--port=${await freePort()}`, "--tiers=1"];

interface Wanted {
  readonly code: string;
  readonly exitCode: number;
  readonly words: string;
}

/** A failure that a person can do something about: its hint names the next command. @returns what was said */
function told(run: HerosRun, wanted: Wanted): string {
  expectFailure(run, wanted);
  const [failed] = ofType(run, "run.failed");
  expect(failed?.hint).toMatch(/\b(?:heros|docker|sudo|apt)\b/u);
  return `${wanted.code} ${run.exitCode}`;
}

/** What Annie's service has beside what the base says. */
function ours({ stackDir }: Scene, text: string): Promise<void> {
  const override = `services: {her-os-core: ${text}}\n`;
  return writeFile(path.join(stackDir, "docker-compose.override.yml"), override);
}

cell("no Docker, no engine, no compose, no context", async () => {
  const scene = await open();
  const before = await scene.files();
  const [bare, broken] = [path.join(folder, "bare"), path.join(folder, "broken")];
  await mkdir(bare);
  await mkdir(broken);
  await writeFile(path.join(broken, "config.json"), '{"currentContext": "spark"}');
  const plugins = path.join(process.env["DOCKER_CONFIG"] ?? "/root/.docker", "cli-plugins");
  await symlink(plugins, path.join(broken, "cli-plugins"));
  const cases: readonly (readonly [Readonly<Record<string, string>>, Wanted])[] = [
    [{ PATH: bare }, { code: "docker.missing", exitCode: 4, words: "Docker" }],
    [
      { DOCKER_HOST: `unix://${folder}/none.sock` },
      { code: "docker.daemon_down", exitCode: 4, words: "none.sock" },
    ],
    [{ DOCKER_CONFIG: bare }, { code: "compose.missing", exitCode: 4, words: "Compose" }],
    [
      { DOCKER_HOST: "", DOCKER_CONFIG: broken },
      { code: "docker.context_broken", exitCode: 4, words: "spark" },
    ],
  ];
  const how: string[] = [];
  for (const [env, wanted] of cases) how.push(told(await scene.setup(await flags(), env), wanted));
  expect(await scene.files()).toEqual(before);
  expect(scene.hub.sentBytes()).toBe(0);
  return how.join(", ");
});

cell("no GPU for containers, by each way that a stack asks for one", async () => {
  const scene = await open();
  const how: string[] = [];
  for (const [text, words] of [
    [
      "{deploy: {resources: {reservations: {devices: [{driver: nvidia, count: all, capabilities: [gpu]}]}}}}",
      "could not select device driver",
    ],
    ["{runtime: nvidia}", "nvidia"],
    ["{devices: ['nvidia.com/gpu=all']}", "nvidia.com/gpu=all"],
    ["{devices: [/dev/nvidia7]}", "/dev/nvidia7"],
  ] as const) {
    await ours(scene, text);
    const run = await scene.setup(await flags());
    how.push(`${words}: ${told(run, { code: "docker.gpu_unavailable", exitCode: 4, words })}`);
  }
  return how.join(", ");
});

cell("a port that a program, or a container, takes while models are downloaded", async () => {
  const scene = await openScene({ scale: 0.0005 });
  const how: string[] = [];
  const network = path.basename(scene.stackDir);
  onTestFinished(async () => void (await docker(["network", "rm", network])));
  await docker(["network", "create", network]);
  const takers = {
    async program(port: number) {
      const server = createServer().listen(port, "127.0.0.1");
      await once(server, "listening");
      return () => void server.close();
    },
    async container(port: number) {
      const publish = `127.0.0.1:${port}:6379`;
      const run = ["run", "--detach", "--rm", "--network", network, "--publish", publish];
      const id = await docker([...run, "redis:7.4.5-bookworm"]);
      return async () => void (await docker(["rm", "--force", id.trim()]));
    },
  };
  for (const [who, take] of Object.entries(takers)) {
    const port = await freePort();
    await rm(scene.cacheDir, { recursive: true, force: true });
    scene.hub.setThrottle({ bytesPerSecond: 1000 });
    const heros = scene.start("setup", [`--port=${port}`, "--tiers=1", "--startup=wait"]);
    await heros.until(({ type }) => type === "download.planned");
    const leave = await take(port);
    onTestFinished(leave);
    scene.hub.setThrottle({});
    const run = await heros.ended;
    how.push(`${who}: ${told(run, { code: "port.taken", exitCode: 4, words: String(port) })}`);
    await leave();
  }
  return how.join(", ");
});

cell("an image for another processor", async () => {
  const image = "heros-test-wrong:1";
  const program = path.join(folder, "image", "program");
  await mkdir(path.dirname(program));
  await writeFile(program, "\x7fELF of another machine", { mode: 0o755 });
  const tar = execFileSync("tar", ["-C", path.dirname(program), "-c", "program"]);
  execFileSync("docker", ["import", "--platform", "linux/s390x", "-", image], { input: tar });
  onTestFinished(async () => void (await docker(["rmi", "--force", image])));
  const scene = await open();
  await ours(
    scene,
    `{image: "${image}", pull_policy: never, entrypoint: [/program], healthcheck: {disable: true}}`,
  );
  const run = await scene.setup(await flags());
  return told(run, { code: "docker.wrong_architecture", exitCode: 4, words: "exec format error" });
});

cell("a registry that does not give Annie's image", async () => {
  // Of 429 and 500, which are asked again for a while, own-base.thorough.e2e.ts tells.
  let status = 403;
  const server = createServer((_request, response) => {
    const words: Record<number, string> = { 403: "DENIED", 404: "MANIFEST_UNKNOWN" };
    const word = words[status];
    response.writeHead(status, { "content-type": "application/json" });
    response.end(
      JSON.stringify(word === undefined ? {} : { errors: [{ code: word, message: word }] }),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  const image = `127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}/her-os/core:1`;
  const scene = await open();
  await ours(scene, `{image: "${image}"}`);
  const how: string[] = [];
  for (const [answer, code, exitCode] of [
    [403, "docker.pull_refused", 1],
    [404, "docker.image_missing", 1],
  ] as const) {
    status = answer;
    how.push(
      `${answer}: ${told(await scene.setup(await flags()), { code, exitCode, words: "/her-os/core" })}`,
    );
  }
  return how.join(", ");
});
