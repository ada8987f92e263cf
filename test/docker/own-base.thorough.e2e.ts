import { rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../host/free-port.ts";
import { openEngineProxy } from "./engine-proxy.ts";
import { ofType } from "./run-heros.ts";
import { openScene } from "./scene.ts";

const ports = '"${HER_OS_BIND:-127.0.0.1}:${HER_OS_PORT:-8000}:8000"';
const core = "  her-os-core:\n    image: ghcr.io/her-os/her-os-core:${HER_OS_VERSION:-latest}\n";

test("a depends_on of an unknown service is said before anything is written or fetched", async () => {
  const scene = await openScene({
    change: (base) => base.replace("redis: { condition", "zzz: { condition"),
  });
  const before = await scene.files();
  for (const flags of [["--startup=wait"], ["--dry-run"]]) {
    const run = await scene.setup([`--port=${await freePort()}`, ...flags]);
    expect(run).toMatchObject({ exitCode: 2 });
    expect(run.events.at(-1)).toMatchObject({
      code: "stack.base_invalid",
      message: expect.stringContaining("zzz") as string,
    });
  }
  expect(await scene.files()).toEqual(before);
  expect(scene.hub.sentBytes()).toBe(0);
});

test("Annie in a profile that is off is said before anything is written", async () => {
  const scene = await openScene({
    change: (base) => base.replace(core, `${core}    profiles: [gpu]\n`),
  });
  const before = await scene.files();
  const run = await scene.setup([`--port=${await freePort()}`]);
  expect(run.events.at(-1)).toMatchObject({ code: "stack.profile_off", exitCode: 2 });
  expect(await scene.files()).toEqual(before);
});

test("a port that stands in the base is where Annie is asked, and --port is said to have no effect", async () => {
  const [fixed, asked] = [await freePort(), await freePort()];
  const scene = await openScene({
    change: (base) => base.replace(ports, `"127.0.0.1:${fixed}:8000"`),
  });
  const run = await scene.setup([`--port=${asked}`]);
  expect(run.exitCode).toBe(0);
  expect(ofType(run, "notice").map(({ code }) => code)).toContain("stack.port_fixed");
  expect(ofType(run, "annie.online")).toMatchObject([{ url: `http://127.0.0.1:${fixed}` }]);
});

test("a base that publishes nothing gets Annie's port from ours", async () => {
  const asked = await freePort();
  const scene = await openScene({
    change: (base) => base.replace(`    ports:\n      - ${ports}\n`, ""),
  });
  const run = await scene.setup([`--port=${asked}`]);
  expect(run.exitCode).toBe(0);
  expect(ofType(run, "annie.online")).toMatchObject([{ url: `http://127.0.0.1:${asked}` }]);
});

test("a core that crashes again and again after she was online ends the run, with the models still on their way", async () => {
  const scene = await openScene({
    bytesPerSecond: 1_200_000,
    override:
      'services:\n  her-os-core:\n    entrypoint: ["/bin/sh", "-c", "/usr/bin/node /annie/annie.ts & sleep 12; exit 1"]\n',
  });
  const run = await scene.setup([`--port=${await freePort()}`]);
  expect(run.events.at(-1)).toMatchObject({ code: "annie.container_failed", exitCode: 1 });
  expect(ofType(run, "container.failed").at(-1)).toMatchObject({ service: "her-os-core" });
  expect(ofType(run, "download.finished")).toEqual([]);
});

test("an engine that is gone for good while models are fetched ends the run as that", async () => {
  const proxy = await openEngineProxy();
  const scene = await openScene({ bytesPerSecond: 1_200_000 });
  const run = scene.setup([`--port=${await freePort()}`], { DOCKER_HOST: proxy.address });
  await expect.poll(() => scene.hub.sentBytes(), { timeout: 240_000 }).toBeGreaterThan(15_000_000);
  await proxy.kill();
  const { events } = await run;
  expect(events.at(-1)).toMatchObject({ code: "docker.daemon_down", exitCode: 4 });
});

test("a cache that is deleted while she runs is seen by her once it is there again", async () => {
  const scene = await openScene();
  const flags = [`--port=${await freePort()}`, "--annie-timeout=30"];
  expect(await scene.setup(flags)).toMatchObject({ exitCode: 0 });
  await rm(scene.cacheDir, { recursive: true });
  const run = await scene.setup(flags);
  expect(run.exitCode).toBe(0);
  expect(ofType(run, "capability.ready")).toHaveLength(3);
});

/** A registry on loopback, which the engine asks without TLS. */
async function registry(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}`;
}

test.each([
  [401, "docker.pull_refused"],
  [403, "docker.pull_refused"],
  [404, "docker.image_missing"],
  [429, "docker.pull_rate_limited"],
  [500, "docker.registry_error"],
])(
  "a registry that answers %i for what Annie does not wait for is %s, with its name and the image's",
  async (status, code) => {
    const host = await registry((_request, response) => {
      response.writeHead(status, { "content-type": "application/json" });
      const word = {
        401: "UNAUTHORIZED",
        403: "DENIED",
        404: "MANIFEST_UNKNOWN",
        429: "TOOMANYREQUESTS",
      }[status];
      response.end(
        JSON.stringify(
          word === undefined ? {} : { errors: [{ code: word, message: word.toLowerCase() }] },
        ),
      );
    });
    const image = `${host}/voice/kokoro:1`;
    const scene = await openScene();
    const run = await scene.setup([`--port=${await freePort()}`], { KOKORO_IMAGE: image });
    expect(run.events.at(-1)).toMatchObject({
      code,
      exitCode: 3,
      message: expect.stringContaining(image) as string,
    });
  },
);

test("an engine that is killed while it fetches an image is no network that failed", async () => {
  const proxy = await openEngineProxy();
  const asked = Promise.withResolvers<void>();
  const host = await registry(() => asked.resolve());
  const scene = await openScene();
  const run = scene.setup([`--port=${await freePort()}`], {
    KOKORO_IMAGE: `${host}/voice/kokoro:1`,
    DOCKER_HOST: proxy.address,
  });
  await asked.promise;
  await proxy.kill();
  expect((await run).events.at(-1)).toMatchObject({ code: "docker.daemon_down", exitCode: 4 });
});
