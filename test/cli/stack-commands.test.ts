import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeSandbox, type Sandbox } from "./sandbox.ts";

let sandbox: Sandbox;
let annie: Server;
let port: number;

const config = (published: number) =>
  JSON.stringify({
    services: {
      "her-os-core": { image: "core:1", ports: [{ target: 8000, published: `${published}` }] },
      redis: { image: "redis:7" },
    },
  });
const rows = ["her-os-core", "redis"]
  .map((service) =>
    JSON.stringify({
      Service: service,
      Name: service === "redis" ? "cache" : "her-os-core-1",
      State: "running",
    }),
  )
  .join("\n");

beforeEach(async () => {
  sandbox = await makeSandbox();
  annie = createServer((_request, response) => {
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ status: "healthy", capabilities: { memory_search: true } }));
  }).listen(0, "127.0.0.1");
  await once(annie, "listening");
  ({ port } = annie.address() as AddressInfo);
  const stack = path.join(sandbox.home, "her-os");
  await mkdir(stack);
  await writeFile(path.join(stack, "docker-compose.heros.yml"), "services: {}\n");
});

afterEach(async () => {
  annie.closeAllConnections();
  annie.close();
  await sandbox[Symbol.asyncDispose]();
});

/** A docker with a stack of two services. @returns what it was asked of the stack, but for what it only tells */
async function dockerThat(answers: string): Promise<() => Promise<readonly string[]>> {
  const log = path.join(sandbox.dir, "asked");
  await writeFile(log, "");
  await sandbox.command(
    "docker",
    `echo "$*" >>'${log}'
case "$*" in
${answers}
*" version --short") echo 2.26.1;;
*" config --format json") echo '${config(port)}';;
*" ps "*) echo '${rows}';;
*) exit 0;;
esac`,
  );
  return async () => {
    const asked = (await readFile(log, "utf8")).trim().split("\n");
    const orders = /^compose ((?:up|down|restart|logs)\b.*)/u;
    return asked.flatMap((line) => orders.exec(line)?.[1] ?? []);
  };
}

it("stops the containers, and never their volumes", async () => {
  const asked = await dockerThat("");
  const run = await sandbox.run(["down"]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(run.stdout).toContain("Annie is stopped. Volumes, images and models are kept.");
  expect(await asked()).toEqual(["down"]);
});

it("starts what does not run, and starts again what does", async () => {
  const asked = await dockerThat("");
  expect(await sandbox.run(["up"])).toMatchObject({ exitCode: 0, stderr: "" });
  expect(await sandbox.run(["restart"])).toMatchObject({ exitCode: 0, stderr: "" });
  expect(await asked()).toEqual(["up -d", "restart"]);
});

it("up tells all that other stacks have in one report, before it starts anything", async () => {
  const labels = "com.docker.compose.project=old,com.docker.compose.project.working_dir=/srv/old";
  const held = JSON.stringify({ Names: "cache", State: "exited", Labels: labels });
  const volume = { Name: "data", Labels: { "com.docker.compose.project": "old" } };
  const redis = {
    container_name: "cache",
    volumes: [{ type: "volume", source: "data", target: "/data" }],
  };
  const own = { ...(JSON.parse(config(port)) as { services: object }), name: "her-os" };
  const whole = {
    ...own,
    services: { ...own.services, redis },
    volumes: { data: { name: "data" } },
  };
  const asked = await dockerThat(`"ps --no-trunc "*) echo '${held}';;
"volume inspect data") echo '[${JSON.stringify(volume)}]';;
*" config --format json") echo '${JSON.stringify(whole)}';;`);
  const run = await sandbox.run(["up", "--json"]);
  expect(run.exitCode).toBe(4);
  expect(run.events().at(-1)).toMatchObject({
    code: "stack.clashes",
    message: `2 things that this stack needs are taken on this machine:
  container name cache is used by the stopped container cache of the stack old in /srv/old
  volume data belongs to the stack old in /srv/old`,
  });
  expect(await asked()).toEqual([]);
});

it("says in the same words as setup why compose could not", async () => {
  await dockerThat(
    `*" down") echo "permission denied while trying to connect to the docker API" >&2; exit 1;;`,
  );
  const run = await sandbox.run(["down", "--json"]);
  expect(run.exitCode).toBe(4);
  expect(run.events().at(-1)).toMatchObject({ code: "docker.no_permission" });
  await dockerThat(`*" restart") echo "something new" >&2; exit 1;;`);
  const other = await sandbox.run(["restart", "--json"]);
  expect(other.events().at(-1)).toMatchObject({
    code: "stack.compose_failed",
    message: `Docker Compose could not restart the stack in ${sandbox.home}/her-os: something new`,
    exitCode: 1,
  });
});

it("shows what containers print, by their services, and nothing else", async () => {
  const asked = await dockerThat(
    `*" logs "*) printf '\\033[2Kher-os-core-1  | booting\\ncache          | PONG | \\033[31mred\\n';;`,
  );
  const run = await sandbox.run(["logs", "--tail", "5", "redis", "her-os-core"]);
  expect(run).toMatchObject({
    exitCode: 0,
    stderr: "",
    stdout: "her-os-core | booting\nredis | PONG | red\n",
  });
  expect(await asked()).toEqual(["logs --no-color --tail 5 redis her-os-core"]);
  const events = (await sandbox.run(["logs", "-f", "--json"])).events();
  expect(events.filter(({ type }) => type === "container.logged")).toMatchObject([
    { service: "her-os-core", line: "booting" },
    { service: "redis" },
  ]);
  expect((await asked()).at(-1)).toBe("logs --no-color --tail all --follow");
});

it("keeps none of a log, however long it is", async () => {
  await dockerThat(
    `*" logs "*) head -c 100000000 /dev/zero | tr '\\\\000' 'x' | fold -w 1000 | sed 's/^/redis-1 | /';;`,
  );
  let lines = 0;
  const run = await sandbox.run(["logs"], {
    env: { PATH: `${sandbox.path}:/usr/bin:/bin` },
    onOutput: (text) => void (lines += text.split("\n").length - 1),
  });
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(lines).toBe(100_000);
});

it("names the services where there is no such one", async () => {
  await dockerThat("");
  const run = await sandbox.run(["logs", "core", "--json"]);
  expect(run.exitCode).toBe(2);
  expect(run.events().at(-1)).toMatchObject({
    code: "stack.service_unknown",
    hint: "Its services: her-os-core, redis",
  });
});

it("opens her page where there is a desktop, and says how she is reached where there is none", async () => {
  await dockerThat("");
  const url = `http://127.0.0.1:${port}`;
  const bare = await sandbox.run(["open"]);
  expect(bare).toMatchObject({ exitCode: 0, stderr: "" });
  expect(bare.stdout).toContain(url);
  await sandbox.command("xdg-open", `echo "$1" >'${sandbox.dir}/opened'`);
  const desktop = await sandbox.run(["open"], { env: { DISPLAY: ":0" } });
  expect(desktop.stdout).toContain(url);
  expect(await readFile(path.join(sandbox.dir, "opened"), "utf8")).toBe(`${url}\n`);
});

it("does not open what is not there", async () => {
  await dockerThat("");
  annie.close();
  annie.closeAllConnections();
  const run = await sandbox.run(["open", "--json"]);
  expect(run.exitCode).toBe(1);
  expect(run.events().at(-1)).toMatchObject({ code: "annie.unreachable" });
});

it.each(["up", "down", "restart", "logs", "open"])(
  "%s says where there is no stack",
  async (name) => {
    await dockerThat("");
    const run = await sandbox.run([name, "--stack-dir", "/nowhere", "--json"]);
    expect(run.exitCode).toBe(1);
    expect(run.events().at(-1)).toMatchObject({
      code: "stack.folder_missing",
      message: "There is no stack in /nowhere.",
    });
  },
);
