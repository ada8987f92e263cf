import { chmod, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { overrideText } from "../../../src/deploy/compose/override.ts";
import { isOpenToOthers } from "../../../src/deploy/compose/readers.ts";
import { openTokenToReaders, planTokenMount } from "../../../src/deploy/compose/token-mount.ts";
import { tokenReaders } from "../../../src/deploy/compose/planned-services.ts";
import { parseStackConfig } from "../../../src/docker/compose.ts";
import type { HerosEvent } from "../../../src/run/event.ts";
import { newStackDir, put, read, stackPlan, temporaryFolder, testHost } from "./fixtures.ts";

const uid = process.getuid?.() ?? 0;

/** A machine whose programs are these shell scripts, and no others. */
async function machine(programs: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder();
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return { host: testHost({ PATH: folder }), folder };
}

test.each([
  [{ core: false, warmup: true }, ["model-warmup"]],
  [{ core: true, warmup: false }, ["her-os-core"]],
  [{ core: true, warmup: true }, ["her-os-core", "model-warmup"]],
  [{ core: false, warmup: false }, []],
])("only the containers that the catalog names get the token: %j", (tokenFor, names) => {
  const plan = stackPlan("/hub", { startup: "warmup", tokenFor });
  const base = { image: "core", isBuilt: false, hasCommand: false, environment: {} };
  const warmups = new Map([["her-os-core", base]]);
  const text = overrideText({
    plan,
    warmups,
    tokenFor: new Set(
      tokenReaders(plan.services, { warmups, checked: null }).map(({ service }) => service),
    ),
    gpuReserved: new Set(),
    gpuServices: [],
    tokenFile: "./secrets/hf_token",
    chosen: null,
    publish: false,
    secretTaken: false,
  });
  const { services, secrets = {} } = parse(text) as {
    services: Record<string, { secrets?: string[]; environment: object }>;
    secrets?: object;
  };
  const entries = Object.entries(services);
  expect(entries.flatMap(([name, service]) => (service.secrets ? [name] : []))).toEqual(names);
  expect(
    entries.flatMap(([name, { environment }]) => ("HF_TOKEN_PATH" in environment ? [name] : [])),
  ).toEqual(names);
  expect(Object.keys(secrets)).toEqual(names.length === 0 ? [] : ["hf_token"]);
});

const wantedOf = (user: string | null) => [{ service: "model-warmup", user }];

test("a container of another user gets the token where that user can be let in, else none, and it is said", async () => {
  const stackDir = await newStackDir();
  const wanted = wantedOf("4711:4711");
  const { host } = await machine({ setfacl: "exit 0" });
  expect(await planTokenMount({ host, stackDir, wanted })).toEqual({
    tokenFor: new Set(["model-warmup"]),
    notices: [],
  });
  const { host: bare } = await machine({});
  const { tokenFor, notices } = await planTokenMount({ host: bare, stackDir, wanted });
  expect(tokenFor).toEqual(new Set());
  expect(notices).toMatchObject([
    {
      level: "warning",
      code: "stack.token_withheld",
      message: expect.stringContaining("4711") as string,
      hint: expect.stringContaining("sudo apt-get install acl") as string,
    },
  ]);
});

test.each([null, "0", "root", `${uid}:${uid}`])(
  "who may read the file anyway needs nobody's help: %s",
  async (warmup) => {
    const { host } = await machine({});
    const stackDir = await newStackDir();
    const wanted = wantedOf(warmup);
    const { tokenFor } = await planTokenMount({ host, stackDir, wanted });
    expect(tokenFor).toEqual(new Set(["model-warmup"]));
  },
);

async function open(service: object, programs: Readonly<Record<string, string>>) {
  const stackDir = await newStackDir({ "secrets/hf_token": "hf_x" });
  const { host, folder } = await machine({
    ...programs,
    ...(programs["setfacl"] === undefined
      ? {}
      : { setfacl: `echo "$@" >> ${stackDir}/asked\n${programs["setfacl"]}` }),
  });
  const config = parseStackConfig(
    JSON.stringify({
      services: {
        "model-warmup": { image: "core", secrets: [{ source: "hf_token" }], ...service },
        other: { user: "77" },
      },
      secrets: { hf_token: { file: path.join(stackDir, "secrets/hf_token") } },
    }),
  );
  const events: HerosEvent[] = [];
  const { signal } = new AbortController();
  if (config === null) throw new Error("no config");
  await openTokenToReaders({ host, stackDir, signal, emit: (event) => events.push(event) }, config);
  const asked = await read(stackDir, "asked").catch(() => "");
  return { events, asked, file: path.join(stackDir, "secrets/hf_token"), folder };
}

const list = (reader: number) => `--set u::rw,u:${reader}:r,g::-,m::r,o::- -- `;
/** An image that runs as `annie`, whom its own list of users knows. */
const image = `case "$*" in
"image inspect"*) echo '{"labels":null,"environment":null,"user":"annie"}' ;;
create*) echo 0123456789ab ;;
cp*) printf 'etc/passwd\\0\\0root:x:0:0::/:\\nannie:x:1234:1234::/:\\n' ;;
esac`;

test("before containers start, the user of each that mounts the token is let in, and nobody else", async () => {
  const numbered = await open({ user: "4711:4711" }, { setfacl: "exit 0" });
  expect(numbered).toMatchObject({ asked: `${list(4711)}${numbered.file}\n`, events: [] });
  const named = await open({}, { setfacl: "exit 0", docker: image });
  expect(named).toMatchObject({ asked: `${list(1234)}${named.file}\n`, events: [] });
  const root = await open({ user: "root" }, { setfacl: "exit 0" });
  expect(root).toMatchObject({ asked: "", events: [] });
});

test("where a user can't be let in it is said, with the command that lets them in", async () => {
  const { events, file } = await open({ user: "4711" }, { setfacl: "exit 1" });
  expect(events).toMatchObject([
    {
      type: "notice",
      level: "warning",
      code: "stack.token_unreadable",
      message: expect.stringContaining("model-warmup runs as user 4711") as string,
      hint: expect.stringContaining(`setfacl -m u:4711:r ${file}`) as string,
    },
  ]);
  expect((await stat(file)).mode & 0o777).toBe(0o644);
});

const acl = (...lines: readonly string[]) => ({ getfacl: `printf '%s\\n' ${lines.join(" ")}` });

test.each([
  [0o600, acl("mask::rwx"), false],
  [0o640, acl("user::rw-", "user:1001:r--", "group::---", "mask::r--", "other::---"), false],
  [0o640, acl("user::rw-", "user:1001:r--", "group::r--", "mask::r--", "other::---"), true],
  [0o660, acl("user::rw-", "user:1001:rw-", "group::---", "mask::rw-", "other::---"), true],
  [0o640, acl("user::rw-", "group:27:r--", "group::---", "mask::r--", "other::---"), true],
  [0o640, acl("user::rw-", "group::r--", "other::---"), true],
  [0o640, {}, true],
  [0o644, acl("user::rw-", "group::---", "mask::r--", "other::r--"), true],
])("a file of mode %o with the list %j is open to others: %s", async (mode, programs, isOpen) => {
  const { host, folder } = await machine(programs);
  await put(folder, { file: "x" });
  await chmod(path.join(folder, "file"), mode);
  expect(await isOpenToOthers(host, path.join(folder, "file"), mode)).toBe(isOpen);
});
