import { expect, test } from "vitest";
import { parseStackConfig } from "../../src/docker/compose.ts";
import {
  buildByCompose,
  findServicesToBuild,
  openDockerPulls,
  type PulledImage,
} from "../../src/docker/pull-and-build.ts";
import { realClock } from "../../src/host/real-host.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { createImageReporter } from "../../src/run/state/images-state.ts";
import { temporaryFolder, testHost } from "../deploy/compose/fixtures.ts";
import { fails, fakeDocker } from "./fake-docker.ts";

const services = {
  kokoro: { image: "ghcr.io/her-os/voice:1" },
  redis: { image: "redis:7", platform: "linux/arm64" },
};
const voice: PulledImage = {
  image: "ghcr.io/her-os/voice:1",
  services: ["kokoro"],
  layers: null,
  totalBytes: 0,
  cachedBytes: 0,
};
const redis: PulledImage = { ...voice, image: "redis:7", services: ["redis"] };

interface Pulling {
  /** Of compose; null where there is no stack to ask it about. */
  readonly version?: string | null;
  readonly images?: readonly PulledImage[];
  /** Ends the run once an event is told that it is true of. */
  readonly stopAt?: (event: HerosEvent) => boolean;
}

/** Pulls with a `docker` that pulls as a piece of shell script says. Time passes quickly once it pulls. */
async function pull(
  script: string,
  { version = "2.40.3", images = [voice], stopAt }: Pulling = {},
) {
  const digest = `sha256:${"4".repeat(64)}`;
  const docker = await fakeDocker(`
case "$*" in
"compose version --short") echo ${version ?? "2.40.3"} ;;
"compose config --format json") echo '${JSON.stringify({ services })}' ;;
"image inspect "*) echo '{"id":"${digest}","names":[],"namesByDigest":["x@${digest}"]}' ;;
*)
tries=$(grep -c ' pull \\|^pull ' "$log")
${script}
;;
esac`);
  const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
  const stop = new AbortController();
  let nowMs = 0;
  const events: HerosEvent[] = [];
  const sleep = async (ms: number, signal?: AbortSignal) => {
    const isPulling = events.length > 0;
    await realClock.sleep(isPulling ? 5 : ms, signal);
    nowMs += ms;
  };
  const emit = (event: HerosEvent): void => {
    events.push(event);
    if (stopAt?.(event) === true) stop.abort();
  };
  const config = parseStackConfig(JSON.stringify({ services }));
  if (config === null) throw new Error("the services are none");
  const pulls = openDockerPulls({
    host: { ...host, clock: { ...host.clock, monotonicMs: () => nowMs, sleep } },
    emit,
    signal: stop.signal,
    reporter: createImageReporter(emit),
    stackDir: version === null ? null : await temporaryFolder(),
    config,
  });
  const results = await Promise.allSettled(images.map((image) => pulls.pull(image)));
  const [error = null] = results.flatMap((each) =>
    each.status === "rejected" ? [each.reason as unknown] : [],
  );
  const commands = (await docker.calls()).filter((call) => /^(?:compose .*)?pull /u.test(call));
  const retries = events.flatMap((event) => (event.type === "download.retrying" ? [event] : []));
  return { error, events, commands, retries };
}

test("compose pulls one service after the other, and tells how far it is", async () => {
  const { error, events, commands } = await pull(
    `echo '{"id":"1d8013054455","parent_id":"x","text":"Downloading","current":10,"total":20}' >&2`,
    { images: [voice, redis] },
  );
  expect(error).toBeNull();
  expect(commands).toEqual([
    "compose --progress json pull kokoro",
    "compose --progress json pull redis",
  ]);
  const told = events.flatMap((event) => ("image" in event ? [[event.type, event.image]] : []));
  expect(told).toEqual([
    ["image.progress", "ghcr.io/her-os/voice:1"],
    ["image.ready", "ghcr.io/her-os/voice:1"],
    ["image.progress", "redis:7"],
    ["image.ready", "redis:7"],
  ]);
  expect(events).toContainEqual({ type: "stack.command", command: "docker compose pull kokoro" });
});

test.each([
  ["a compose that tells nothing", "2.26.1-4"],
  ["no stack", null],
])("with %s docker pulls by the image's name, for its service's platform", async (_, version) => {
  const { error, commands } = await pull("echo 1d8013054455: Pull complete", {
    version,
    images: [voice, redis],
  });
  expect(error).toBeNull();
  expect(commands).toEqual(["pull ghcr.io/her-os/voice:1", "pull --platform linux/arm64 redis:7"]);
});

test("a service that compose knows with another image is pulled by the image's name", async () => {
  const { commands } = await pull(":", { images: [{ ...voice, image: "other:1" }] });
  expect(commands).toEqual(["pull other:1"]);
});

test.each([
  [
    "a network that fails",
    "Error response from daemon: Get https://ghcr.io/v2/: dial tcp: i/o timeout",
  ],
  [
    "a registry that fails",
    "Error response from daemon: received unexpected HTTP status: 503 Service Unavailable",
  ],
  ["a layer that came damaged", "filesystem layer verification failed for digest sha256:44"],
  [
    "an engine that is restarted",
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.",
  ],
])("after %s it is tried again", async (_, said) => {
  const { error, retries, commands } = await pull(`[ "$tries" -ge 3 ] || { ${fails(said)}\n}`);
  expect(error).toBeNull();
  expect(commands).toHaveLength(3);
  expect(retries.map(({ attempt, image }) => [attempt, image])).toEqual([
    [1, voice.image],
    [2, voice.image],
  ]);
});

test("it is given up after six tries that brought nothing", async () => {
  const { error, retries } = await pull(fails("dial tcp: i/o timeout"));
  expect(error).toMatchObject({ code: "docker.pull_network", exitCode: 5 });
  expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
});

test("a try that brought a layer more is no reason to give up", async () => {
  const layer = `printf '{"id":"%012d","parent_id":"x","text":"Download complete"}\\n' "$tries" >&2`;
  const { error, commands } = await pull(
    `${layer}; [ "$tries" -ge 9 ] || { ${fails("unexpected EOF")}\n}`,
  );
  expect(error).toBeNull();
  expect(commands).toHaveLength(9);
});

test.each([
  ["docker.pull_refused", "Error response from daemon: unauthorized"],
  ["docker.image_missing", "Error response from daemon: manifest unknown"],
  ["docker.disk_full", "write /var/lib/docker/tmp/x: no space left on device"],
  ["docker.image_refused", "layers from manifest don't match image configuration"],
  ["docker.pull_rate_limited", "toomanyrequests: You have reached your pull rate limit."],
  ["stack.compose_failed", "who knows"],
])("%s is no reason to try again, nor to leave out the next image", async (code, said) => {
  const { error, commands } = await pull(`[ "$tries" -ge 2 ] || { ${fails(said)}\n}`, {
    images: [voice, redis],
  });
  expect(error).toMatchObject({ code });
  expect(commands).toHaveLength(2);
});

test("an engine that names no image in its reason, as Podman, is told with the image", async () => {
  const said = '{"message":"http: server gave HTTP response to HTTPS client"}';
  const { error } = await pull(fails(`Error response from daemon: ${said}`));
  expect(error).toMatchObject({ code: "docker.pull_certificate" });
  expect((error as Error).message).toMatch(/ghcr\.io\/her-os\/voice:1.*ghcr\.io/u);
});

test("a pull that is silent is told with how long, and goes on for as long as it takes", async () => {
  const { error, events } = await pull("exec sleep 60", {
    stopAt: (event) => event.type === "container.changed" && (event.silentMs ?? 0) >= 900_000,
  });
  expect(error).toMatchObject({ name: "AbortError" });
  const silences = events.filter((event) => event.type === "container.changed");
  expect(silences.length).toBeGreaterThan(10);
  expect(silences[0]).toMatchObject({ service: "kokoro", registry: "ghcr.io", unanswered: true });
});

test("what compose would build is what Docker lacks, and what is built each time", async () => {
  const docker = await fakeDocker(`
case "$*" in
*" stack-there"|*" annie:dev") echo '{"id":"sha256:1","names":[]}' ;;
*) exit 1 ;;
esac`);
  const build = { context: "." };
  const config = parseStackConfig(
    JSON.stringify({
      name: "stack",
      services: {
        plain: { image: "redis:7" },
        there: { build },
        lacking: { build },
        named: { build, image: "ghcr.io/her-os/core:1" },
        own: { build, image: "tools:1", pull_policy: "build" },
        again: { build, image: "annie:dev", pull_policy: "build" },
        never: { build, pull_policy: "never" },
      },
    }),
  );
  if (config === null) throw new Error("the services are none");
  const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
  const { signal } = new AbortController();
  expect(await findServicesToBuild({ host, signal }, config)).toEqual([
    { service: "lacking", image: "stack-lacking", isNamed: false },
    { service: "named", image: "ghcr.io/her-os/core:1", isNamed: true },
    { service: "own", image: "tools:1", isNamed: false },
    { service: "again", image: "annie:dev", isNamed: false },
  ]);
});

/** Builds a service with a `docker` whose `compose build` is the script, and whose `compose pull` brings the image or not. */
async function buildTools(script: string, { isNamed = false, isPulled = false } = {}) {
  const docker = await fakeDocker(`
case "$*" in
"compose build tools") ${script}
;;
"compose pull tools") ;;
"image inspect "*) ${isPulled ? `echo '{"id":"sha256:1"}'` : "exit 1"} ;;
esac`);
  const events: HerosEvent[] = [];
  const config = parseStackConfig(JSON.stringify({ services }));
  if (config === null) throw new Error("the services are none");
  const error: unknown = await buildByCompose(
    {
      host: testHost({ PATH: `${docker.bin}:/usr/bin:/bin` }),
      emit: (event) => events.push(event),
      signal: new AbortController().signal,
      stackDir: await temporaryFolder(),
      config,
    },
    { service: "tools", image: "tools:1", isNamed },
  ).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  const states = events.flatMap((event) =>
    event.type === "container.changed" ? [{ ...event, type: undefined, service: undefined }] : [],
  );
  const calls = (await docker.calls()).filter((call) => call.startsWith("compose "));
  return { error, states, calls };
}

test.each([
  [
    "BuildKit",
    "echo '#5 [1/2] FROM x'; echo '#5 CACHED'; echo '#6 [tools run 2/2] RUN x'; echo '#6 [tools run 2/2] RUN x'",
  ],
  ["the builder before it", "echo 'Step 1/2 : FROM x'; echo ' ---> 1'; echo 'Step 2/2 : RUN x'"],
])("a service is built step by step: %s", async (_, script) => {
  const { error, states, calls } = await buildTools(script);
  expect(error).toBeNull();
  expect(calls).toEqual(["compose build tools"]);
  expect(states).toEqual([
    { state: "building" },
    { state: "building", step: 1, steps: 2 },
    { state: "building", step: 2, steps: 2 },
    { state: "built" },
  ]);
});

test("an image with a name is looked for at its registry first, as compose does", async () => {
  const pulled = await buildTools("exit 1", { isNamed: true, isPulled: true });
  expect(pulled).toMatchObject({ error: null, states: [], calls: ["compose pull tools"] });
  const lacking = await buildTools(":", { isNamed: true });
  expect(lacking.error).toBeNull();
  expect(lacking.calls).toEqual(["compose pull tools", "compose build tools"]);
});

test("a build that fails says so with its last lines", async () => {
  const { error, states } = await buildTools(`cat >&2 <<'WORDS'
#4 [internal] load metadata
time="2026-11-27T03:34:39Z" level=warning msg="buildx Docker CLI plugin not found"
#6 [2/2] RUN exit 3
#6 0.123 the words of the build
------
failed to solve: process "/bin/sh -c exit 3" did not complete successfully: exit code: 3
WORDS
exit 17`);
  expect(error).toMatchObject({ code: "stack.build_failed", exitCode: 1 });
  const { message, hint } = error as { message: string; hint: string };
  expect(message).toMatch(
    /of tools\. Its last lines:\n[^]*the words of the build\n {2}failed to solve/u,
  );
  expect(hint).toContain("docker compose build tools");
  expect(states.at(-1)).toEqual({ state: "building", step: 2, steps: 2 });
});

test("a build that fills the disk is a full disk", async () => {
  const { error } = await buildTools("echo 'write /x: no space left on device' >&2; exit 17");
  expect(error).toMatchObject({ code: "docker.disk_full", exitCode: 7 });
});
