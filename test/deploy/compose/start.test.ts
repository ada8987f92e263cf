import { herOs } from "../../her-os.ts";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { restartService, startStack } from "../../../src/deploy/compose/start.ts";
import { fails, fakeDocker, start } from "../../docker/fake-docker.ts";
import { temporaryFolder, testHost } from "./fixtures.ts";

test("the port that is taken is named", async () => {
  const { error } = await start(fails("Bind for 0.0.0.0:8123 failed: port is already allocated"));
  expect(error).toMatchObject({ message: expect.stringMatching(/^Port 8123 is in use/) as string });
});

test("an error that compose tells as JSON is read too", async () => {
  const { error } = await start(
    fails(
      '{"id":"Container x","status":"Error","text":"Error"}\n{"error":true,"message":"could not select device driver \\"nvidia\\" with capabilities: [[gpu]]"}',
    ),
    'case "$*" in *" version --short") echo 2.40.3; exit ;; "compose --progress json up -d") ;; *" up -d") exit 98 ;; esac',
  );
  expect(error).toMatchObject({
    code: "docker.gpu_unavailable",
    message: expect.stringContaining('driver "nvidia"') as string,
  });
});

test.each([
  ["2.28.1", false],
  ["2.29.0", true],
  ["v2.29", true],
  ["3.0.0", true],
])("compose %s is asked for its progress as JSON: %s", async (version, asJson) => {
  const { error } = await start(
    fails("Bind for 0.0.0.0:8123 failed: port is already allocated"),
    `case "$*" in *" version --short") echo ${version}; exit ;; "compose --progress json up -d") ${asJson ? "" : "exit 98"} ;; *" up -d") ${asJson ? "exit 98" : ""} ;; esac`,
  );
  expect(error).toMatchObject({ message: expect.stringMatching(/^Port 8123/) as string });
});

test("without docker on the PATH it is docker that is missing", async () => {
  const error: unknown = await startStack({
    host: testHost({ PATH: "/nonexistent" }),
    stack: herOs.stack,
    stackDir: await temporaryFolder(),
    emit: () => {},
    signal: new AbortController().signal,
  }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "docker.missing", exitCode: 4 });
});

test("a stack folder that is gone is not a missing docker", async () => {
  const docker = await fakeDocker("exit 0");
  const error: unknown = await startStack({
    host: testHost({ PATH: `${docker.bin}:/usr/bin:/bin` }),
    stack: herOs.stack,
    stackDir: path.join(docker.bin, "gone"),
    emit: () => {},
    signal: new AbortController().signal,
  }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "stack.folder_missing", exitCode: 1 });
});

test("the stack's .env counts, and not what the shell says of compose", async () => {
  const seen = path.join(await temporaryFolder(), "seen");
  const { error } = await start(`echo "[$COMPOSE_FILE$COMPOSE_PROJECT_NAME]$KEPT" >'${seen}'`, "", {
    COMPOSE_FILE: "other.yml",
    COMPOSE_PROJECT_NAME: "other",
    KEPT: "kept",
  });
  expect(error).toBeNull();
  expect(await readFile(seen, "utf8")).toBe("[]kept\n");
});

test("while compose works, each change of a container is told once", async () => {
  // Three looks: nothing, all created and one running, then as an array the way older versions print it.
  const { events, error } = await start(
    'while [ "$(grep -c " ps " "$log")" -lt 4 ]; do sleep 0.1; done',
    `case "$*" in *" ps "*)
case "$(grep -c " ps " "$log")" in
1) ;;
2) echo '{"Service":"postgres","Name":"a","State":"running","Health":"starting","ExitCode":0,"Status":"Up"}'
   echo '{"Service":"her-os-core","Name":"b","State":"created","Health":"","ExitCode":0,"Status":"Created"}' ;;
*) echo '[{"Service":"postgres","Name":"a","State":"running","Health":"healthy"},{"Service":"her-os-core","Name":"b","State":"restarting","ExitCode":0,"Status":"Restarting (3) 2 seconds ago"},{"odd":1}]' ;;
esac; exit ;; esac`,
  );
  expect(error).toBeNull();
  expect(events.filter((event) => event.type === "container.changed")).toEqual([
    { type: "container.changed", service: "postgres", state: "starting" },
    { type: "container.changed", service: "her-os-core", state: "created" },
    { type: "container.changed", service: "postgres", state: "healthy" },
    { type: "container.changed", service: "her-os-core", state: "restarting", exitCode: 3 },
  ]);
});

const conflict = (name: string): string =>
  fails(
    `Error response from daemon: Conflict. The container name "/${name}" is already in use by container "44a8". You have to remove (or rename) that container to be able to reuse that name.`,
  );

test("a stack that another compose makes at the same moment is started with what that one made", async () => {
  const { error, calls } = await start(
    `[ "$(grep -c " up -d" "$log")" -gt 2 ] || { ${conflict("her-os-redis-1")}\n}`,
    `case "$*" in *" ps "*) echo '{"Service":"redis","Name":"her-os-redis-1","State":"created"}'; exit ;; esac`,
  );
  expect(error).toBeNull();
  expect(calls.filter((call) => call.endsWith(" up -d"))).toHaveLength(3);
});

test("a container of somebody else's that has the name ends the start", async () => {
  const { error, calls } = await start(conflict("other"));
  expect(error).toMatchObject({ code: "stack.name_taken", exitCode: 1 });
  expect(calls.filter((call) => call.endsWith(" up -d"))).toHaveLength(1);
});

test("when compose is done, how the containers are then is told too", async () => {
  const { events } = await start(
    "",
    `case "$*" in *" ps "*) echo '{"Service":"postgres","Name":"a","State":"running","Health":"healthy"}'; exit ;; esac`,
  );
  expect(events.at(-1)).toEqual({
    type: "container.changed",
    service: "postgres",
    state: "healthy",
  });
});

test("where a container is to blame for compose's failure, it is named with its last lines", async () => {
  const { error, events } = await start(
    fails("dependency failed to start: container her-os-postgres-1 exited (4)"),
    `case "$*" in *" ps "*) echo '{"Service":"postgres","Name":"a","State":"exited","ExitCode":4,"Status":"Exited (4)"}'; exit ;; esac`,
  );
  expect(events).toContainEqual({
    type: "container.failed",
    service: "postgres",
    state: "exited",
    exitCode: 4,
    logLines: ["the last words"],
  });
  expect(error).toMatchObject({
    code: "annie.container_failed",
    exitCode: 1,
    message:
      "The container postgres stopped with exit status 4. Last lines of its log:\nthe last words",
    hint: expect.stringContaining("docker compose logs postgres") as string,
  });
});

test("where Annie waits for a container that failed, it is said that she was not started, with its last lines", async () => {
  const { error } = await start(
    fails(`service "model-warmup" didn't complete successfully: exit 3`),
    `case "$*" in
*" ps "*) echo '{"Service":"model-warmup","Name":"a","State":"exited","ExitCode":3,"Status":"Exited (3)"}'; exit ;;
*" config "*) echo '{"services":{"her-os-core":{"depends_on":{"model-warmup":{"condition":"service_completed_successfully"}}},"model-warmup":{}}}'; exit ;;
esac`,
  );
  expect(error).toMatchObject({
    code: "annie.held_back",
    exitCode: 1,
    message:
      "{assistant} was not started: model-warmup must finish first, and failed with exit status 3. Last lines of its log:\nthe last words",
    hint: expect.stringContaining("docker compose logs model-warmup") as string,
  });
});

test("being interrupted is not an error of docker's", async () => {
  const docker = await fakeDocker(
    'case "$*" in *" version --short") echo 2.26.1 ;; *" up -d") sleep 60 ;; esac',
  );
  const stop = new AbortController();
  const started = startStack({
    host: testHost({ PATH: `${docker.bin}:/usr/bin:/bin` }),
    stack: herOs.stack,
    stackDir: await temporaryFolder(),
    emit: (event) => {
      if (event.type === "stack.command") stop.abort();
    },
    signal: stop.signal,
  });
  await expect(started).rejects.toMatchObject({ name: "AbortError" });
});

test("a mistake of ours in a look at the containers ends the start, and is told", async () => {
  const docker = await fakeDocker(
    'case "$*" in *" version --short") echo 2.26.1 ;; *" up -d") sleep 60 ;; esac',
  );
  const started = startStack({
    host: testHost({ PATH: `${docker.bin}:/usr/bin:/bin` }),
    stack: herOs.stack,
    stackDir: await temporaryFolder(),
    emit: () => {},
    signal: new AbortController().signal,
    tell: () => {
      throw new TypeError("a mistake");
    },
  });
  await expect(started).rejects.toThrow("a mistake");
});

test("docker has more than ten seconds to tell its version, and a minute to start Annie again", async () => {
  const host = testHost();
  const limits = new Map<string, number>();
  const run: typeof host.processes.run = async (command) => {
    const name = command.args?.[1] ?? "";
    if (command.timeoutMs !== undefined) limits.set(name, command.timeoutMs);
    const result = await host.processes.run({ ...command, command: "true" });
    return { ...result, stdout: name === "version" ? "2.26.1" : "" };
  };
  const request = {
    host: { ...host, processes: { ...host.processes, run } },
    stack: herOs.stack,
    stackDir: await temporaryFolder(),
    emit: () => {},
    signal: new AbortController().signal,
  };
  await startStack(request);
  await restartService(request, "her-os-core");
  expect(limits.get("version")).toBeGreaterThan(10_000);
  expect(limits.get("restart")).toBeGreaterThan(60_000);
});

const running =
  'echo \'{"Service":"postgres","Name":"a","State":"running","Health":"healthy"}\'; exit';

test("a start that fails in its middle says what runs already, and how to stop it", async () => {
  const { error, events } = await start(
    fails("Error response from daemon: unauthorized"),
    `case "$*" in *" ps "*) ${running} ;; esac`,
  );
  expect(error).toMatchObject({
    code: "docker.pull_refused",
    hint: expect.stringMatching(/postgres.*docker compose stop/) as string,
  });
  expect(events).toContainEqual({
    type: "container.changed",
    service: "postgres",
    state: "healthy",
  });
});

test("an engine that is killed while images are fetched is no network that failed", async () => {
  const { error } = await start(
    `touch "$log.dead"; ${fails("unexpected EOF")}`,
    `[ ! -e "$log.dead" ] || { echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1; }`,
  );
  expect(error).toMatchObject({ code: "docker.daemon_down", exitCode: 4 });
});

test.each([
  ["before the folder of models was made", "2001-01-01T00:00:00.5Z", 1],
  ["after it", "2999-01-01T00:00:00.5Z", 0],
  ["who knows when", "", 0],
])(
  "Annie, who runs since %s, is started again only where she sees a folder that is gone",
  async (_when, startedAt, restarts) => {
    const cacheDir = await temporaryFolder();
    const { calls, error } = await start(
      "",
      `case "$*" in
*" ps "*) echo '{"Service":"her-os-core","Name":"c","State":"running","Health":"healthy"}'; exit ;;
"inspect "*) echo '${startedAt}'; exit ;;
*" restart her-os-core") exit ;;
esac`,
      {},
      { cacheDir },
    );
    expect(error).toBeNull();
    expect(calls.filter((call) => call.includes(" restart "))).toHaveLength(restarts);
  },
);
