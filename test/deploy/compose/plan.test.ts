import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import type { HerosEvent } from "../../../src/run/event.ts";
import { Secret } from "../../../src/run/secret.ts";
import { planDeployment } from "../../../src/deploy/compose/plan.ts";
import { toPlannedFiles, writeStack } from "../../../src/deploy/compose/deployment.ts";
import {
  assetsDir,
  minimalBase,
  newStackDir,
  photograph,
  put,
  read,
  setUpStack,
  stackPlan,
  testHost,
} from "./fixtures.ts";

test("in an empty folder everything is made, and the second run changes no byte", async () => {
  const stackDir = await newStackDir();
  const token = new Secret("hf_abcdefghijklmnop");

  expect(await setUpStack({ stackDir, change: { token, port: 8123 } })).toEqual({
    "secrets/hf_token": "created",
    "docker-compose.yml": "created",
    "docker-compose.heros.yml": "created",
    ".env": "created",
  });
  const modes = ["secrets", "secrets/hf_token", ".env", "docker-compose.heros.yml"].map(
    async (name) => ((await stat(path.join(stackDir, name))).mode & 0o777).toString(8),
  );
  expect(await Promise.all(modes)).toEqual(["700", "600", "600", "644"]);
  expect(await read(stackDir, ".env")).toMatch(
    /^COMPOSE_FILE=docker-compose.yml:docker-compose.heros.yml\nHER_OS_PORT=8123\nPOSTGRES_PASSWORD=[0-9a-f]{48}\nNEO4J_PASSWORD=[0-9a-f]{48}\n$/,
  );
  expect((await stat(path.join(stackDir, "../hub"))).isDirectory()).toBe(true);

  const before = await photograph(stackDir);
  expect(
    new Set(Object.values(await setUpStack({ stackDir, change: { token, port: 8123 } }))),
  ).toEqual(new Set(["unchanged"]));
  expect(await photograph(stackDir)).toEqual(before);
});

test("planning writes nothing", async () => {
  const stackDir = await newStackDir();
  await planDeployment({ host: testHost(), stackDir, plan: stackPlan("/models"), assetsDir });
  expect(await readdir(path.dirname(stackDir))).toEqual([]);
});

test("no secret is in what the summary shows", async () => {
  const stackDir = await newStackDir({
    ".env": "MY_SECRET=xyzzy\n",
    "docker-compose.yml": minimalBase,
  });
  const plan = stackPlan("/models", { token: new Secret("hf_abcdefghijklmnop") });
  const { changes } = await planDeployment({ host: testHost(), stackDir, plan, assetsDir });
  const shown = JSON.stringify([toPlannedFiles(changes), changes]);
  expect(shown).toContain("+COMPOSE_FILE=docker-compose.yml:docker-compose.heros.yml");
  expect(shown).toContain("[secret]");
  expect(shown).not.toMatch(/hf_abcdefghijklmnop|xyzzy/);
});

test.each([
  [["compose.yaml", "docker-compose.yml"], "compose.yaml"],
  [["compose.yml", "docker-compose.yml"], "compose.yml"],
  [["docker-compose.yaml"], "docker-compose.yaml"],
  [
    ["docker-compose.yml", "docker-compose.override.yaml"],
    "docker-compose.yml:docker-compose.override.yaml",
  ],
  [
    ["docker-compose.yml", "docker-compose.override.yml", "compose.override.yaml"],
    "docker-compose.yml:compose.override.yaml",
  ],
])("with %j the user's files are %s, and stay as they are", async (names, own) => {
  const stackDir = await newStackDir(Object.fromEntries(names.map((name) => [name, minimalBase])));
  const actions = await setUpStack({ stackDir });
  expect(await read(stackDir, ".env")).toBe(`COMPOSE_FILE=${own}:docker-compose.heros.yml\n`);
  for (const name of own.split(":")) expect(actions[name]).toBe("unchanged");
  for (const name of names) expect(await read(stackDir, name)).toBe(minimalBase);
});

test("an override that the user adds later is taken in before ours", async () => {
  const stackDir = await newStackDir({ "compose.yaml": minimalBase });
  await setUpStack({ stackDir });
  await put(stackDir, { "compose.override.yml": "services: {}\n" });
  expect(await setUpStack({ stackDir })).toMatchObject({ ".env": "updated" });
  expect(await read(stackDir, ".env")).toBe(
    "COMPOSE_FILE=compose.yaml:compose.override.yml:docker-compose.heros.yml\n",
  );
});

test("a COMPOSE_FILE of the user's keeps its files, its quotes and its separator", async () => {
  const env =
    "# mine\r\nEXTRA=more\r\nCOMPOSE_PATH_SEPARATOR=,\r\nCOMPOSE_FILE=\"my.yml,${EXTRA}.yml\" # both\r\nB='1'\r\n";
  const stackDir = await newStackDir({
    ".env": env,
    "my.yml": minimalBase,
    "more.yml": "services: {}\n",
  });
  const actions = await setUpStack({ stackDir });
  expect(await read(stackDir, ".env")).toBe(env.replace("}.yml", "}.yml,docker-compose.heros.yml"));
  expect(actions).not.toHaveProperty("docker-compose.yml");
  expect((await setUpStack({ stackDir }))[".env"]).toBe("unchanged");
});

test("passwords that are there are kept, and given ones are not doubled", async () => {
  const stackDir = await newStackDir({ ".env": "POSTGRES_PASSWORD=mine\n" });
  await chmod(path.join(stackDir, ".env"), 0o644);
  await setUpStack({ stackDir, host: testHost({ NEO4J_PASSWORD: "from the shell" }) });
  expect(await read(stackDir, ".env")).toBe(
    "POSTGRES_PASSWORD=mine\nCOMPOSE_FILE=docker-compose.yml:docker-compose.heros.yml\n",
  );
  expect((await stat(path.join(stackDir, ".env"))).mode & 0o777).toBe(0o644);

  await setUpStack({ stackDir });
  expect(await read(stackDir, ".env")).toMatch(/\nNEO4J_PASSWORD=[0-9a-f]{48}\n$/);
  expect((await stat(path.join(stackDir, ".env"))).mode & 0o777).toBe(0o600);
});

test("our file that was edited by hand is kept and named", async () => {
  const stackDir = await newStackDir();
  await setUpStack({ stackDir });
  const edited = `${await read(stackDir, "docker-compose.heros.yml")}# mine\n`;
  await put(stackDir, { "docker-compose.heros.yml": edited });

  const events: HerosEvent[] = [];
  const host = testHost();
  const plan = stackPlan(path.join(stackDir, "../hub"));
  const { changes } = await planDeployment({ host, stackDir, plan, assetsDir });
  await writeStack({ host, changes, emit: (event) => events.push(event) });

  const backupPath = path.join(stackDir, "docker-compose.heros.yml.backup-20261121T093000Z");
  expect(events).toContainEqual({
    type: "file.written",
    path: path.join(stackDir, "docker-compose.heros.yml"),
    action: "updated",
    backupPath,
  });
  expect(await readFile(backupPath, "utf8")).toBe(edited);
  expect(await read(stackDir, "docker-compose.heros.yml")).not.toContain("# mine");
});

test("of our file that was edited by hand the summary shows no values, of an older one of ours it does", async () => {
  const stackDir = await newStackDir();
  await setUpStack({ stackDir });
  const host = testHost();
  const plan = stackPlan(path.join(stackDir, "../hub"), { startup: "warmup" });
  const diffOfOurs = async (): Promise<string> => {
    const { changes } = await planDeployment({ host, stackDir, plan, assetsDir });
    return changes.find((each) => each.path.endsWith(".heros.yml"))?.diff ?? "";
  };
  expect(await diffOfOurs()).not.toContain("[hidden]");
  const ours = await read(stackDir, "docker-compose.heros.yml");
  await put(stackDir, { "docker-compose.heros.yml": `${ours}x-mine: xyzzy\n` });
  expect(await diffOfOurs()).toContain("-x-mine: [hidden]");
});

test("what a person's own files hold is handled as a secret, what heros lays down is not", async () => {
  const isSecret = async (files: Readonly<Record<string, string>>): Promise<boolean> => {
    const stackDir = await newStackDir(files);
    const plan = stackPlan("/models");
    const { changes } = await planDeployment({ host: testHost(), stackDir, plan, assetsDir });
    const base = changes.find((each) => each.path.endsWith("docker-compose.yml"));
    return base?.content instanceof Secret;
  };
  expect(await isSecret({ "docker-compose.yml": minimalBase })).toBe(true);
  expect(await isSecret({})).toBe(false);
});

test("a new choice rewrites our file without a backup", async () => {
  const stackDir = await newStackDir();
  await setUpStack({ stackDir });
  expect(await setUpStack({ stackDir, change: { startup: "warmup" } })).toMatchObject({
    "docker-compose.heros.yml": "updated",
    ".env": "unchanged",
  });
  expect((await readdir(stackDir)).filter((name) => name.includes("backup"))).toEqual([]);
});

test("a token that was kept stays in use when none is given", async () => {
  const stackDir = await newStackDir();
  await setUpStack({ stackDir, change: { token: new Secret("hf_abcdefghijklmnop") } });
  expect((await setUpStack({ stackDir }))["docker-compose.heros.yml"]).toBe("unchanged");
  expect(parse(await read(stackDir, "docker-compose.heros.yml"))).toMatchObject({
    secrets: { hf_token: { file: "./secrets/hf_token" } },
    services: { "her-os-core": { environment: { HF_TOKEN_PATH: "/run/secrets/hf_token" } } },
  });
});

test("a file behind a symbolic link is written, and the link stays", async () => {
  const stackDir = await newStackDir({ "../elsewhere/env": "A=1\n" });
  await mkdir(stackDir, { recursive: true });
  await symlink("../elsewhere/env", path.join(stackDir, ".env"));
  await setUpStack({ stackDir });
  expect(await read(stackDir, "../elsewhere/env")).toMatch(/^A=1\nCOMPOSE_FILE=/);
  expect(await read(stackDir, ".env")).toMatch(/^A=1\nCOMPOSE_FILE=/);
  expect((await readdir(path.join(stackDir, "../elsewhere"))).toSorted()).toEqual(["env"]);
});

test("a file that changed since the plan was shown is not overwritten", async () => {
  const stackDir = await newStackDir({ ".env": "A=1\n" });
  const host = testHost();
  const { changes } = await planDeployment({
    host,
    stackDir,
    plan: stackPlan("/nowhere"),
    assetsDir,
  });
  await writeFile(path.join(stackDir, ".env"), "A=2\n");
  await expect(writeStack({ host, changes, emit: () => {} })).rejects.toMatchObject({
    code: "stack.changed",
    exitCode: 1,
  });
  expect(await readdir(stackDir)).toEqual([".env"]);
});

test.each([0o601, 0o610, 0o644, 0o600])(
  "a token that lies open is closed, though it stays: it was %i",
  async (mode) => {
    const stackDir = await newStackDir();
    const token = path.join(stackDir, "secrets/hf_token");
    await setUpStack({ stackDir, change: { token: new Secret("hf_abcdefghijklmnop") } });
    await chmod(token, mode);
    expect((await setUpStack({ stackDir }))["secrets/hf_token"]).toBe("unchanged");
    expect((await stat(token)).mode & 0o777).toBe(0o600);
  },
);

test.each([
  ["EACCES", { code: "stack.not_writable" }],
  ["ESTALE", { code: "disk.gone" }],
])("a folder that may not be written to, for %s, ends as that", async (code, failure) => {
  const stackDir = await newStackDir({ "docker-compose.yml": minimalBase });
  const host = testHost();
  const access = async (): Promise<never> => {
    throw Object.assign(new Error(code), { code });
  };
  const closed = { ...host, files: { ...host.files, access } };
  await expect(
    planDeployment({ host: closed, stackDir, plan: stackPlan("/models"), assetsDir }),
  ).rejects.toMatchObject(failure);
});
