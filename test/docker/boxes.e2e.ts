import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseCatalog } from "../../src/catalog/load.ts";
import { reposForCatalog } from "../../src/demo/hub/catalog-repos.ts";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import { freePort } from "../host/free-port.ts";
import { type Front, openFront } from "./front.ts";
import { createEngine, type OwnEngine } from "./own-engine.ts";
import { type Registry, startRegistry } from "./registry.ts";
import { docker, type HerosProcess, type HerosRun, ofType, startHeros } from "./run-heros.ts";

const run = promisify(execFile);
const page = new URL("../../docs/catalog.md", import.meta.url);
/** In docs/catalog.md, and a stand-in of it in Docker. */
const vllm = "vllm/vllm-openai:v0.11.0";
/** The first box's address on the network that it shares with the second. */
const lan = { first: "10.77.7.1", second: "10.77.7.2" };

/** A machine: a network, an engine and a home of its own. */
interface Box {
  readonly home: string;
  heros(args: readonly string[]): HerosProcess;
}

let folder: string;
let hub: EmbeddedHub;
let registry: Registry;
let front: Front;
let image: string;
let imageBytes: number;
let catalog: string;
const engines: OwnEngine[] = [];

/** The first box has the Hub and the registry at its own loopback; the second can't reach them. */
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "heros-boxes-"));
  const port = await freePort();
  registry = await startRegistry({ folder, port });
  front = await openFront(port);
  image = `${front.host}/acme/vllm-openai:1`;
  await docker(["tag", vllm, image]);
  await docker(["push", "--quiet", image]);
  await docker(["rmi", image]);
  imageBytes = await pushedBytes(port);
  front.reset();
  const blocks = [...(await readFile(page, "utf8")).matchAll(/^```yaml\n([\s\S]*?)^```$/gmu)];
  const [compose = "", text = ""] = blocks.map(([, code = ""]) => code);
  catalog = path.join(folder, "my-llm.yaml");
  await writeFile(path.join(folder, "compose.yml"), compose.replace(vllm, image));
  await writeFile(catalog, text);
  hub = await startHub({ repos: reposForCatalog(parseCatalog(text, catalog), { scale: 0.01 }) });
  await ip("link add lan1 type veth peer name lan2");
  await ip(`addr add ${lan.first}/24 dev lan1`);
  await ip("link set lan1 up");
  await ip("netns add second");
  await ip("-n second link set lo up");
  await ip("link set lan2 netns second");
  await ip(`-n second addr add ${lan.second}/24 dev lan2`);
  await ip("-n second link set lan2 up");
});

afterAll(async () => {
  for (const engine of engines) await engine.stop();
  await hub.close();
  await front.close();
  await registry.close();
  await ip("netns del second");
  await rm(folder, { recursive: true, force: true });
});

async function ip(line: string): Promise<void> {
  await run("ip", line.split(" "));
}

/** What the registry has of the image for this platform, compressed: its configuration and its layers. */
async function pushedBytes(port: number): Promise<number> {
  const accept = "application/vnd.docker.distribution.manifest.v2+json";
  const address = `http://127.0.0.1:${port}/v2/acme/vllm-openai/manifests/1`;
  const { config, layers } = (await (
    await fetch(address, { headers: { Accept: accept } })
  ).json()) as { config: { size: number }; layers: { size: number }[] };
  return [config, ...layers].reduce((sum, { size }) => sum + size, 0);
}

/** @param network by its name; null for the one that this test runs in */
async function openBox(name: string, network: string | null): Promise<Box> {
  const home = path.join(folder, name);
  await mkdir(path.join(home, "engine"), { recursive: true });
  const by = network === null ? [] : ["nsenter", `--net=/run/netns/${network}`];
  const engine = createEngine(home, path.join(home, "engine"), by);
  engines.push(engine);
  await engine.start();
  const { PATH = "", DOCKER_CONFIG = "" } = process.env;
  const env = { ...engine.env, DOCKER_CONFIG, PATH, HOME: home, HEROS_ALLOW_UNSUPPORTED: "yes" };
  return { home, heros: (args) => startHeros({ args: [...args, "--json"], env, by }) };
}

function expectOnline(done: HerosRun): void {
  const last = done.events.at(-1);
  expect(last?.type, JSON.stringify(last)).toBe("run.succeeded");
  expect(done).toMatchObject({ exitCode: 0, stderr: "" });
  expect(ofType(done, "annie.online")).toHaveLength(1);
}

test("one box sets up from the Hub and a registry, the second from the first alone; upstream sends nothing twice", async () => {
  const first = await openBox("first", null);
  const setup = ["setup", "--yes", "--catalog", catalog];
  expectOnline(await first.heros([...setup, "--endpoint", hub.endpoint, "--keep-images"]).ended);
  // A busy machine may ask for some of it twice: what a connection has not read yet when another one takes over.
  const sent = { models: hub.sentBytes(), images: front.blobBytes() };
  expect(sent.images).toBeGreaterThanOrEqual(imageBytes);

  const serve = first.heros(["serve", "--listen", `${lan.first}:7171`, "--upstream", hub.endpoint]);
  await serve.until(({ type }) => type === "serve.listening");
  const second = await openBox("second", "second");
  expectOnline(await second.heros([...setup, "--endpoint", `http://${lan.first}:7171`]).ended);
  serve.kill("SIGTERM");
  expect((await serve.ended).events.at(-1)).toMatchObject({ type: "run.succeeded" });

  // After the first box's setup, nobody asked upstream for content.
  expect({ models: hub.sentBytes(), images: front.blobBytes() }).toEqual(sent);
});
