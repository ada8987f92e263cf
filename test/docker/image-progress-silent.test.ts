import { herOs } from "../her-os.ts";
import { expect, test } from "vitest";
import type { HerosEvent } from "../../src/run/event.ts";
import { startStack } from "../../src/deploy/compose/start.ts";
import { fakeDocker } from "./fake-docker.ts";
import { temporaryFolder, testHost } from "../deploy/compose/fixtures.ts";

/** Compose of this version asks a registry that accepts and never answers; its first word on the way. */
async function hangs(version: string, word: string, change: { readonly stopAtMs?: number } = {}) {
  const docker = await fakeDocker(`
case "$*" in
*" version --short") echo ${version} ;;
*" config --format json") echo '{"services":{"her-os-core":{"image":"ghcr.io/her-os/core:1"}}}' ;;
*" up -d") echo '${word}' >&2; exec sleep 60 ;;
esac`);
  const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
  let nowMs = 0;
  let spoke = false;
  // Time passes only once compose has said its word, and then quickly.
  const sleep = async (ms: number, signal?: AbortSignal) => {
    await host.clock.sleep(20, signal);
    if (spoke) nowMs += 20 * ms;
  };
  const clock = { ...host.clock, monotonicMs: () => nowMs, sleep };
  const events: HerosEvent[] = [];
  const stop = new AbortController();
  const error: unknown = await startStack({
    host: { ...host, clock },
    stack: herOs.stack,
    stackDir: await temporaryFolder(),
    signal: stop.signal,
    emit: (event) => {
      events.push(event);
      if (event.type !== "container.changed") return;
      spoke = true;
      if ((event.silentMs ?? 0) >= (change.stopAtMs ?? Number.POSITIVE_INFINITY)) stop.abort();
    },
  }).catch((thrown: unknown) => thrown);
  const silences = events.flatMap((event) =>
    event.type === "container.changed" && event.silentMs !== undefined ? [event] : [],
  );
  return { error, silences };
}

test("a registry that never answers is told with how long, and given up after ten minutes", async () => {
  const { error, silences } = await hangs("2.40.3", '{"id":"her-os-core","text":"Pulling"}');
  expect(silences.length).toBeGreaterThanOrEqual(10);
  expect(silences[0]).toMatchObject({ service: "her-os-core", state: "pulling" });
  expect(silences[0]?.silentMs).toBeLessThanOrEqual(60_000);
  expect(silences[0]).toMatchObject({ registry: "ghcr.io", unanswered: true });
  expect(error).toMatchObject({ code: "docker.pull_network", exitCode: 5 });
  expect((error as Error).message).toContain("ghcr.io/her-os/core:1");
});

test("a compose that never tells how far it is says how long it has been, and is given all the time it takes", async () => {
  const { error, silences } = await hangs("2.26.1", " her-os-core Pulling ", {
    stopAtMs: 1_200_000,
  });
  expect(silences.at(-1)?.silentMs).toBeGreaterThanOrEqual(1_200_000);
  expect(error).toMatchObject({ name: "AbortError" });
});
