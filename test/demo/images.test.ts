import { afterEach, expect, test } from "vitest";
import type { DemoWorld } from "../../src/demo/prepare-demo.ts";
import { findEngineImage, listEngineImages } from "../../src/docker/engine-images.ts";
import { eventsOf, makeWorld, runSetup } from "../commands/demo-setup.ts";

const open: DemoWorld[] = [];
const signal = new AbortController().signal;

afterEach(async () => {
  for (const demo of open.splice(0)) await demo.dispose();
});

async function openWorld(): Promise<DemoWorld> {
  const demo = await makeWorld();
  open.push(demo);
  return demo;
}

test("its Docker pulls any image, has it by its names, and loses it with the last of them", async () => {
  const { host } = await openWorld();
  const docker = (...args: string[]) => host.processes.run({ command: "docker", args });

  expect(await listEngineImages({ host, signal })).toEqual([]);
  const postgres = await docker("pull", "postgres:17.6-bookworm");
  expect(postgres.exitCode).toBe(0);
  expect(postgres.stdout.match(/Pull complete/g)).toHaveLength(4);
  // The lowest layer is the same.
  const redis = await docker("pull", "redis:7.4.5-bookworm");
  expect(redis.stdout.match(/Already exists/g)).toHaveLength(1);
  expect(redis.stdout.match(/Pull complete/g)).toHaveLength(2);

  expect((await docker("tag", "redis:7.4.5-bookworm", "me/mine:1")).exitCode).toBe(0);
  const image = await findEngineImage({ host, signal }, "me/mine:1");
  expect(image).toMatchObject({
    names: ["redis:7.4.5-bookworm", "me/mine:1"],
    namesByDigest: [`redis@${image?.id}`, `me/mine@${image?.id}`],
    os: "linux",
    architecture: "arm64",
  });
  expect(image?.diffIds).toHaveLength(3);
  for (const name of ["redis:7.4.5-bookworm", "me/mine:1"]) await docker("rmi", name);
  expect((await listEngineImages({ host, signal }))?.map(({ names }) => names)).toEqual([
    ["postgres:17.6-bookworm"],
  ]);
  expect((await docker("rmi", "me/mine:1")).stderr).toContain("No such image: me/mine:1");
});

test("a setup downloads its images beside the models, Annie's first, and Docker unpacks them", async () => {
  const world = await openWorld();
  const run = await runSetup(world);
  expect(run.error).toBeNull();

  const [plan] = eventsOf(run, "plan.ready");
  expect(plan?.images?.map(({ image, neededForOnline }) => [image, neededForOnline])).toEqual([
    ["postgres:17.6-bookworm", true],
    ["redis:7.4.5-bookworm", true],
    ["neo4j:5.26.12-community", true],
    ["qdrant/qdrant:v1.16.2", true],
    ["ghcr.io/her-os/her-os-core:latest", true],
    ["ghcr.io/remsky/kokoro-fastapi-cpu:v0.8.0", false],
  ]);
  expect(plan?.disks).toMatchObject([{ what: ["models", "images"], estimated: true }]);
  const core = "ghcr.io/her-os/her-os-core:latest";
  const steps = run.events.flatMap((event) => {
    if (event.type === "image.planned" && event.image === core) return ["planned"];
    if (event.type === "image.progress" && event.image === core) return [event.phase];
    if (event.type === "image.ready" && event.image === core) return ["ready"];
    if (event.type === "stack.command" && event.command.endsWith("her-os-core")) return ["started"];
    return event.type === "annie.online" ? ["online"] : [];
  });
  // So small an image may be there before it was told how far it is.
  const order = ["planned", "downloading", "unpacking", "ready", "started", "online"];
  const places = steps.map((step) => order.indexOf(step));
  expect(places).toEqual(places.toSorted((one, other) => one - other));
  expect(steps).toEqual(expect.arrayContaining(["planned", "ready", "started", "online"]));
  const images = await listEngineImages({ host: world.host, signal });
  expect(images?.flatMap(({ names }) => names).toSorted()).toEqual(
    plan?.images?.map(({ image }) => image).toSorted(),
  );
  // Kokoro's comes later, and is started then.
  expect(eventsOf(run, "stack.command").at(-1)?.command).toBe("docker compose up -d");

  const again = await runSetup(world);
  expect(again.error).toBeNull();
  expect(eventsOf(again, "image.progress")).toEqual([]);
});
