import { expect, test } from "vitest";
import { findServicesMemory } from "../../../src/commands/stack/services-memory.ts";
import { realClock } from "../../../src/host/real-host.ts";
import { totalsOf } from "../../../src/plan/totals.ts";
import { assetsDir, newStackDir, testHost } from "../../deploy/compose/fixtures.ts";
import { cannedInterview } from "../../ui/canned-interview.ts";

const { catalog, ...interview } = cannedInterview();

test.each([
  ["", 0],
  ["KOKORO_IMAGE=ghcr.io/remsky/kokoro-fastapi-gpu:v0.8.0\n", 0.5],
  ["KOKORO_IMAGE=ghcr.io/remsky/kokoro-fastapi-cpu:v0.8.0\n", 0],
])("with .env %j, the services take %d GiB beside the models", async (env, gib) => {
  const stackDir = await newStackDir({ ".env": env });
  // Without a docker, heros reads the files itself.
  const host = { ...testHost({ PATH: "/nonexistent" }), clock: realClock };
  const { signal } = new AbortController();
  const probe = { host, signal, limitMs: 4000 };
  expect(await findServicesMemory(probe, { catalog, stackDir, assetsDir })).toBe(gib);
});

test("what services take is added to what the chosen sets of models take", () => {
  const bytesOf = (servicesGib: number) =>
    totalsOf({ ...interview, catalog, servicesGib }, ["remember"]).memoryBytes;
  expect(bytesOf(0.5) - bytesOf(0)).toBe(0.5 * 1024 ** 3);
});
