import { expect, test } from "vitest";
import type { HerosEvent } from "../../src/run/event.ts";
import { explainContainers, watchContainers } from "../../src/docker/watch-containers.ts";
import { containerTeller } from "../../src/docker/containers.ts";
import { fakeDocker } from "./fake-docker.ts";
import { temporaryFolder, testHost } from "../deploy/compose/fixtures.ts";

interface Row {
  readonly Service: string;
  readonly State: string;
  readonly Health?: string;
  readonly ExitCode?: number;
  readonly Status?: string;
}

const annie = { service: "her-os-core", modelsAt: "/data/models" };

/** A stack whose containers look like this at each look; the last stays. */
async function stackWith(looks: readonly (readonly Row[])[], log = "line 1\nline 2") {
  const cases = looks
    .map((rows, index) => {
      const last = index === looks.length - 1;
      const lines = rows.map((row) => JSON.stringify({ Name: `x-${row.Service}-1`, ...row }));
      return `${last ? "*" : index + 1}) cat <<'ROWS'\n${lines.join("\n")}\nROWS\n;;`;
    })
    .join("\n");
  const docker = await fakeDocker(`
case "$*" in
*" ps "*) case "$(grep -c " ps " "$log")" in
${cases}
esac ;;
*" config "*) echo '{"services":{"her-os-core":{"image":"core:1","depends_on":{"postgres":{}},"volumes":[{"type":"bind","source":"/my hub","target":"/data/models"}]},"postgres":{},"kokoro":{}}}' ;;
*" logs "*) printf '%b' '${log.replaceAll("\n", "\\n")}\\n' ;;
esac`);
  const events: HerosEvent[] = [];
  const request = {
    host: testHost({ PATH: `${docker.bin}:/usr/bin:/bin` }),
    stackDir: await temporaryFolder(),
    emit: (event: HerosEvent) => void events.push(event),
    ...annie,
  };
  return { request, events };
}

const core = { Service: "her-os-core", State: "running", Health: "healthy" };
const restarting = {
  Service: "her-os-core",
  State: "restarting",
  Status: "Restarting (3) 2 seconds ago",
};

test("a stack that runs has nothing to explain", async () => {
  const { request } = await stackWith([
    [core, { Service: "helper", State: "exited", ExitCode: 0 }],
  ]);
  expect(await explainContainers(request)).toBeNull();
});

test("a container that starts again and again is named with the last run's lines and its exit status", async () => {
  const { request, events } = await stackWith([[restarting]], "boot\nno memory\nboot\nno memory");
  const failure = await watchContainers(request).check();
  expect(failure).toMatchObject({
    code: "annie.container_failed",
    exitCode: 1,
    message:
      "The container her-os-core keeps restarting (exit status 3). Last lines of its log:\nboot\nno memory",
  });
  expect(events.filter((event) => event.type !== "container.changed")).toEqual([
    {
      type: "container.failed",
      service: "her-os-core",
      state: "restarting",
      exitCode: 3,
      logLines: ["boot", "no memory"],
    },
  ]);
});

test("a container that crashed once and came up is forgiven", async () => {
  const { request } = await stackWith([[restarting], [{ ...core, Health: "starting" }], [core]]);
  const watch = watchContainers(request);
  expect([await watch.check(), await watch.check()]).toEqual([null, null]);
});

test("what Annie waits for counts as Annie does", async () => {
  const { request } = await stackWith([
    [
      { ...core, State: "created" },
      { Service: "postgres", State: "exited", ExitCode: 1 },
    ],
  ]);
  expect(await watchContainers(request).check()).toMatchObject({
    message: expect.stringContaining("postgres stopped with exit status 1") as string,
  });
});

test("what Annie can do without is told once, and stops nothing", async () => {
  const { request, events } = await stackWith([
    [core, { Service: "kokoro", State: "exited", ExitCode: 1 }],
  ]);
  const watch = watchContainers(request);
  expect([await watch.check(), await watch.check()]).toEqual([null, null]);
  expect(events.filter((event) => event.type === "container.failed")).toMatchObject([
    { service: "kokoro" },
  ]);
});

test("what was told while the stack started is not told again by its watcher", async () => {
  const { request, events } = await stackWith([[core]]);
  const tell = containerTeller(request.emit);
  await watchContainers({ ...request, tell }).check();
  await watchContainers({ ...request, tell }).check();
  expect(events).toHaveLength(1);
});

test("unhealthy counts where Annie herself says nothing", async () => {
  const { request } = await stackWith([[{ ...core, Health: "unhealthy" }]]);
  const watch = watchContainers(request);
  expect(await watch.check(undefined, { voice: "unwell" })).toBeNull();
  expect(await watch.check(undefined, { voice: "silent" })).toMatchObject({
    code: "annie.container_failed",
    message: expect.stringContaining("is running, but unhealthy") as string,
  });
});

test("a database that is unhealthy counts, unless Annie is healthy with it", async () => {
  const { request } = await stackWith([
    [core, { Service: "postgres", State: "running", Health: "unhealthy" }],
  ]);
  const watch = watchContainers(request);
  expect(await watch.check(undefined, { voice: "healthy" })).toBeNull();
  expect(await watch.check(undefined, { voice: "unwell" })).toMatchObject({
    message: expect.stringContaining("postgres is running, but unhealthy") as string,
  });
});

test("what Annie needs must not end, even with exit status 0; a helper may", async () => {
  const { request } = await stackWith([
    [core, { Service: "kokoro", State: "exited", ExitCode: 0 }],
    [core, { Service: "postgres", State: "exited", ExitCode: 0 }],
  ]);
  const watch = watchContainers(request);
  expect(await watch.check()).toBeNull();
  expect(await watch.check()).toMatchObject({
    code: "annie.container_failed",
    message: expect.stringContaining(
      "postgres stopped by itself with exit status 0, but has to keep running",
    ) as string,
  });
});

interface Inspected {
  readonly row: Row;
  readonly restarts: readonly number[];
  readonly state: object;
  readonly limit?: string;
}

/** Annie's container, of which `docker inspect` says this; how often it was started again, look by look. */
async function inspectedStack({ row, restarts, state, limit = "" }: Inspected) {
  const details = JSON.stringify({ StartedAt: "2026-11-27T14:06:40Z", ...state });
  const docker = await fakeDocker(`
look=$(grep -c " ps " "$log")
case "$*" in
*" ps "*) echo '${JSON.stringify({ Name: "x-core-1", ...row })}' ;;
"inspect "*) set -- ${restarts.join(" ")}; [ "$look" -le $# ] || look=$#; shift $((look - 1)); echo '{"name":"/x-core-1","restarts":'"$1"',"state":${details}}' ;;
*" config "*) echo '{"services":{"her-os-core":{${limit}}}}' ;;
"events "*) echo 137 ;;
*" logs "*) echo "loading whisper" ;;
esac`);
  const events: HerosEvent[] = [];
  const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
  const emit = (event: HerosEvent) => void events.push(event);
  return { watch: watchContainers({ host, stackDir: docker.bin, emit, ...annie }), events };
}

test("killed for memory at a limit of its own is told at the first time, by Docker's word and not by the status alone", async () => {
  const { watch, events } = await inspectedStack({
    row: core,
    restarts: [0, 1],
    state: { OOMKilled: true },
    limit: '"mem_limit":"67108864"',
  });
  expect(await watch.check()).toBeNull();
  expect(await watch.check()).toMatchObject({
    code: "annie.container_failed",
    message:
      "The container her-os-core ran out of memory and was killed. Last lines of its log:\nloading whisper",
    hint: expect.stringContaining(
      "It exceeded its memory limit of 64 MiB: raise mem_limit of her-os-core",
    ) as string,
  });
  expect(events).toContainEqual({
    type: "container.failed",
    service: "her-os-core",
    state: "exited",
    exitCode: 137,
    outOfMemory: true,
    logLines: ["loading whisper"],
  });
});

test("a machine that ran out of memory is told as that once it happens again", async () => {
  const { watch } = await inspectedStack({
    row: core,
    restarts: [0, 1, 2],
    state: { OOMKilled: true },
  });
  expect([await watch.check(), await watch.check()]).toEqual([null, null]);
  expect(await watch.check()).toMatchObject({
    message: expect.stringContaining("keeps running out of memory") as string,
    hint: expect.stringContaining("--tiers 1") as string,
  });
});

test("a container that is unhealthy is told with what its check says", async () => {
  const check = {
    Start: "2026-11-27T14:10:21Z",
    End: "2026-11-27T14:10:26Z",
    ExitCode: 28,
    Output: "curl: (28) Operation timed out",
  };
  const { watch } = await inspectedStack({
    row: { ...core, Health: "unhealthy" },
    restarts: [0],
    state: { Health: { Log: [check] } },
  });
  expect(await watch.check()).toMatchObject({
    message: expect.stringContaining(
      "unhealthy. Its health check says: curl: (28) Operation timed out",
    ) as string,
  });
});

test("a program that finds its port taken says so, and gets the advice", async () => {
  const { request } = await stackWith(
    [[restarting]],
    "Error: listen EADDRINUSE: address already in use 0.0.0.0:8000",
  );
  expect(await watchContainers(request).check()).toMatchObject({
    hint: expect.stringContaining("Another program uses the port") as string,
  });
});

test.each([
  [137, "killed", /ran out of memory/],
  [
    1,
    "PermissionError: [Errno 13] Permission denied: '/run/secrets/hf_token'",
    /saved token, which only gated models need[^]*delete secrets\/hf_token/,
  ],
  [
    1,
    "[Errno 13] Permission denied: '/data/models/models--x/refs'",
    /namei -l '\/my hub\/models--x\/refs'\)/,
  ],
  [1, 'FATAL: password authentication failed for user "her_os"', /restore the old ones/],
  [
    1,
    "RuntimeError: CUDA error: no kernel image is available for execution on the device",
    /not built for this GPU: choose another image for her-os-core/,
  ],
])("exit status %i with %j comes with advice", async (ExitCode, log, hint) => {
  const { request } = await stackWith(
    [[{ Service: "her-os-core", State: "exited", ExitCode }]],
    log.replaceAll("'", ""),
  );
  expect(await explainContainers(request)).toMatchObject({
    hint: expect.stringMatching(hint) as string,
  });
});

test("log lines come without colours and control bytes", async () => {
  const { request, events } = await stackWith(
    [[{ Service: "her-os-core", State: "exited", ExitCode: 1 }]],
    "\\033[31mred\\033[0m\\007\\r\n\n  indented",
  );
  await explainContainers(request);
  expect(events.at(-1)).toMatchObject({ logLines: ["red", "  indented"] });
});

/** A stack of whose core docker says, look by look, how often it was started again. */
async function restartingStack(counts: readonly number[]) {
  const docker = await fakeDocker(`
look=$(grep -c " ps " "$log")
case "$*" in
*" ps "*) echo '${JSON.stringify({ Name: "x-core-1", ...core })}' ;;
"inspect "*) set -- ${counts.join(" ")}; [ "$look" -le $# ] || look=$#; shift $((look - 1)); echo '{"name":"/x-core-1","restarts":'"$1"',"state":{"StartedAt":"2026-11-27T14:06:40Z"}}' ;;
*" config "*) echo '{"services":{"her-os-core":{}}}' ;;
"events "*) printf '1\\n3\\n' ;;
*" logs "*) echo "boom" ;;
esac`);
  const events: HerosEvent[] = [];
  const watch = watchContainers({
    host: testHost({ PATH: `${docker.bin}:/usr/bin:/bin` }),
    stackDir: await temporaryFolder(),
    emit: (event: HerosEvent) => void events.push(event),
    ...annie,
  });
  return { watch, events };
}

test("crashes between two looks are seen by docker's count, though she is up and healthy at each", async () => {
  const { watch, events } = await restartingStack([7, 7, 8, 8, 9]);
  expect([
    await watch.check(),
    await watch.check(),
    await watch.check(),
    await watch.check(),
  ]).toEqual([null, null, null, null]);
  expect(await watch.check()).toMatchObject({ code: "annie.container_failed", exitCode: 1 });
  expect(events).toContainEqual({
    type: "container.failed",
    service: "her-os-core",
    state: "restarting",
    exitCode: 3,
    logLines: ["boom"],
  });
});

test("restarts of other days, before this run, are not counted", async () => {
  const { watch } = await restartingStack([57]);
  expect([await watch.check(), await watch.check()]).toEqual([null, null]);
});

const down =
  "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1";

test("an engine that is gone for good is told as that, at once", async () => {
  const docker = await fakeDocker(down);
  let nowMs = 0;
  const real = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
  const sleep = (ms: number) => {
    nowMs += ms;
    return Promise.resolve();
  };
  const host = { ...real, clock: { ...real.clock, monotonicMs: () => nowMs, sleep } };
  const watch = watchContainers({ host, stackDir: docker.bin, emit: () => {}, ...annie });
  expect(await watch.check()).toMatchObject({ code: "docker.daemon_down", exitCode: 4 });
  expect(nowMs).toBeLessThanOrEqual(15_000);
});

test("an engine that is restarted is waited for", async () => {
  const docker = await fakeDocker(`[ "$(grep -c " ps " "$log")" -gt 2 ] || { ${down}; }`);
  const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
  const watch = watchContainers({ host, stackDir: docker.bin, emit: () => {}, ...annie });
  expect(await watch.check()).toBeNull();
});

test("a container of Annie's that somebody removed is told", async () => {
  const { request } = await stackWith([[core], []]);
  const watch = watchContainers(request);
  expect(await watch.check()).toBeNull();
  expect(await watch.check()).toMatchObject({ code: "annie.container_gone", exitCode: 1 });
});

test("a container that is killed at the compose file's own limit is not told to drop models", async () => {
  const rows = JSON.stringify({ Name: "x", ...core, State: "exited", ExitCode: 137 });
  for (const [limit, expected] of [
    ['"mem_limit":"536870912"', /mem_limit/],
    ['"deploy":{"resources":{"limits":{"memory":"536870912"}}}', /mem_limit/],
    ['"image":"x"', /--tiers/],
  ] as const) {
    const docker = await fakeDocker(`
case "$*" in
*" ps "*) echo '${rows}' ;;
*" config "*) echo '{"services":{"her-os-core":{${limit}}}}' ;;
esac`);
    const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
    expect(
      await explainContainers({ host, stackDir: docker.bin, emit: () => {}, ...annie }),
    ).toMatchObject({
      hint: expect.stringMatching(expected) as string,
    });
  }
});

test("why a program gave up is found above the lines that are shown", async () => {
  const why =
    "Free memory on device (53.2/121.69 GiB) on startup is less than desired GPU memory utilization (0.9, 109.52 GiB).";
  const trace = Array.from({ length: 30 }, (_, index) => `  File core.py, line ${index}`);
  const gone = { Service: "her-os-core", State: "exited", ExitCode: 1 };
  const { request, events } = await stackWith([[gone]], [why, ...trace].join("\n"));
  const failed = await explainContainers(request);
  expect(failed?.hint).toContain("lower --gpu-memory-utilization");
  expect(events.find((event) => event.type === "container.failed")?.logLines).toHaveLength(12);
});
