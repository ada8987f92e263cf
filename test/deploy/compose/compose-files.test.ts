import { execFile } from "node:child_process";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { Buffer } from "node:buffer";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { isSetUp } from "../../../src/deploy/compose/compose-files.ts";
import { planDeployment } from "../../../src/deploy/compose/plan.ts";
import { toPlannedFiles } from "../../../src/deploy/compose/deployment.ts";
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

const heros = "docker-compose.heros.yml";

test("a pipe in the place of a stack's .env is not waited for", async () => {
  const stackDir = await newStackDir({ "a.txt": "" });
  await promisify(execFile)("mkfifo", [path.join(stackDir, ".env")]);
  expect(await isSetUp(testHost({}), stackDir)).toBe(false);
});

const more = "services: {}\n";

test.each([
  ["an override is left out", "docker-compose.yml", ["docker-compose.override.yml"]],
  ["an unrelated compose.yaml is there", "docker-compose.yml", ["compose.yaml"]],
  ["a variable names the file", "${MINE}.yml", ["docker-compose.override.yml"]],
  ["there is a separator of its own", "docker-compose.yml;mine.yml", ["compose.override.yml"]],
  ["it ends in a separator", "mine.yml;", []],
  ["the override comes first", "docker-compose.override.yml;docker-compose.yml", []],
])("a COMPOSE_FILE of the user's is only added to: %s", async (_what, chosen, others) => {
  const env = `COMPOSE_PATH_SEPARATOR=;\nMINE=mine\nCOMPOSE_FILE=${chosen}\n`;
  const names = ["docker-compose.yml", "mine.yml", "docker-compose.override.yml", ...others];
  const stackDir = await newStackDir({
    ...Object.fromEntries(names.map((name) => [name, minimalBase])),
    ".env": env,
  });
  const actions = await setUpStack({ stackDir });
  const added = chosen.endsWith(";") ? heros : `;${heros}`;
  expect(await read(stackDir, ".env")).toBe(env.replace(/\n$/, `${added}\n`));
  for (const name of others) expect(actions).not.toHaveProperty([name]);

  const before = await photograph(stackDir);
  await setUpStack({ stackDir });
  expect(await photograph(stackDir)).toEqual(before);
});

test("a COMPOSE_FILE that names ours already is not touched, wherever it stands in it", async () => {
  const env = `COMPOSE_FILE=./mine.yml:./${heros}:more.yml\n`;
  const stackDir = await newStackDir({ "mine.yml": minimalBase, "more.yml": more, ".env": env });
  expect(await setUpStack({ stackDir })).toMatchObject({ ".env": "unchanged" });
});

test("an override that a person takes out of heros' own COMPOSE_FILE stays out", async () => {
  const stackDir = await newStackDir({
    "docker-compose.yml": minimalBase,
    "docker-compose.override.yml": more,
  });
  await setUpStack({ stackDir });
  const env = `COMPOSE_FILE=docker-compose.yml:${heros}\n`;
  await put(stackDir, { ".env": env });
  await setUpStack({ stackDir });
  await setUpStack({ stackDir });
  expect(await read(stackDir, ".env")).toBe(env);
});

test("a file that is put beside the base later pushes nothing out", async () => {
  const stackDir = await newStackDir();
  await setUpStack({ stackDir });
  const env = await read(stackDir, ".env");
  await put(stackDir, { "compose.yaml": "services: {web: {image: x}}\n" });
  expect(await setUpStack({ stackDir })).toMatchObject({ "docker-compose.yml": "unchanged" });
  expect(await read(stackDir, ".env")).toBe(env);
});

test("where COMPOSE_FILE names the usual base and there is none, heros writes it", async () => {
  const stackDir = await newStackDir({ ".env": `COMPOSE_FILE=docker-compose.yml:${heros}\n` });
  expect(await setUpStack({ stackDir })).toMatchObject({ "docker-compose.yml": "created" });
});

test("in a base in a folder of its own, paths count from there, and its .env is read as well", async () => {
  const stackDir = await newStackDir({
    ".env": "COMPOSE_FILE=a/base.yml:b/more.yml\n",
    "a/base.yml":
      "services:\n  her-os-core:\n    image: ${POSTGRES_PASSWORD:?x}${NEO4J_PASSWORD:?x}\n",
    "b/more.yml": more,
    "a/.env": "POSTGRES_PASSWORD=mine\n",
    "secrets/hf_token": "hf_abcdefghijklmnop",
  });
  await setUpStack({ stackDir });
  expect(await read(stackDir, ".env")).toMatch(
    /^COMPOSE_FILE=a\/base.yml:b\/more.yml:docker-compose.heros.yml\nNEO4J_PASSWORD=\w{48}\n$/,
  );
  expect(parse(await read(stackDir, heros))).toMatchObject({
    secrets: { hf_token: { file: "../secrets/hf_token" } },
  });
});

test.each([
  ["required", "${POSTGRES_PASSWORD:?x}", "", true],
  ["required, and empty", "${POSTGRES_PASSWORD:?x}", "POSTGRES_PASSWORD=\n", true],
  ["required to be set, and empty", "${POSTGRES_PASSWORD?x}", "POSTGRES_PASSWORD=\n", false],
  ["named alone", "$POSTGRES_PASSWORD", "", true],
  ["named alone in braces", "pg://u:${POSTGRES_PASSWORD}@db", "", true],
  ["named alone, and set to nothing", "${POSTGRES_PASSWORD}", "POSTGRES_PASSWORD=\n", false],
  ["a default in use", "${POSTGRES_PASSWORD:-postgres}", "", false],
  ["an empty default", "${POSTGRES_PASSWORD-}", "", false],
  ["a default here and none there", "${POSTGRES_PASSWORD}/${POSTGRES_PASSWORD:-x}", "", false],
  ["no variable", "$${POSTGRES_PASSWORD}", "", false],
  ["another variable", "${POSTGRES_PASSWORD_FILE:?x}", "MY_POSTGRES_PASSWORD=x\n", false],
  ["in a default that is not used", "${DB:-${POSTGRES_PASSWORD}}", "DB=x\n", false],
  ["in a default that is used", "${DB:-${POSTGRES_PASSWORD:?x}}", "", true],
  ["behind another that is missing", "${DB:?x}${POSTGRES_PASSWORD:?x}", "", true],
  ["only where it is set", "${POSTGRES_PASSWORD:+yes}", "", false],
  ["given", "${POSTGRES_PASSWORD:?x}", "POSTGRES_PASSWORD=#Tr0ub4dor\n", false],
  ["made of another", "${POSTGRES_PASSWORD:?x}", "P=p\nPOSTGRES_PASSWORD=${P}1\n", false],
  ["in Latin-1", "${POSTGRES_PASSWORD:?x}", "POSTGRES_PASSWORD=p\udce4\n", false],
])("a password that is %s is made only if it is needed", async (_what, value, env, made) => {
  const stackDir = await newStackDir({
    "compose.yml": `# \${POSTGRES_PASSWORD:?x}\nservices:\n  her-os-core:\n    image: "${value}"\n`,
  });
  const bytes = Buffer.from(env.replace("\udce4", "\u00e4"), "latin1");
  await writeFile(path.join(stackDir, ".env"), bytes);
  await setUpStack({ stackDir });
  const text = await readFile(path.join(stackDir, ".env"), "latin1");
  expect(/^POSTGRES_PASSWORD=[0-9a-f]{48}$/m.test(text)).toBe(made);
  expect(
    text.startsWith(made ? env.replace(/^POSTGRES_PASSWORD=\n/, "") : bytes.toString("latin1")),
  ).toBe(true);
});

test.each(["utf16le", "utf16be"])("a .env in %s is refused and stays as it is", async (coding) => {
  const stackDir = await newStackDir({ "compose.yml": minimalBase });
  const bytes = Buffer.from("\ufeffA=1\r\n", "utf16le");
  if (coding === "utf16be") bytes.swap16();
  await writeFile(path.join(stackDir, ".env"), bytes);
  await expect(setUpStack({ stackDir })).rejects.toMatchObject({
    code: "stack.env_invalid",
    exitCode: 2,
  });
  expect(await readFile(path.join(stackDir, ".env"))).toEqual(bytes);
});

const secrets = [
  "SALT=s3cret-1",
  "export SMTP_PW='s3cret-2'",
  "HOOK=https://hooks.example.org/s3cret-3",
  'CERT="-----BEGIN KEY-----\ns3cret-4\ns3cret5=\n-----END KEY-----"',
  "# was s3cret-6",
  "DB=postgres://me:pw@db/x?password=s3cret-7",
  "s3cret8=",
  "POSTGRES_PASSWORD=s3cret-9",
];

test("of a .env only our own keys are shown with what they are", async () => {
  const stackDir = await newStackDir({
    "docker-compose.yml": minimalBase,
    ".env": `${secrets.join("\n")}\nHER_OS_PORT=8001 # s3cret-0\nCOMPOSE_FILE=docker-compose.yml\n`,
  });
  const plan = stackPlan("/models", { port: 8123 });
  const { changes } = await planDeployment({ host: testHost(), stackDir, plan, assetsDir });
  const shown = toPlannedFiles(changes).find((file) => file.path.endsWith(".env"))?.diff ?? "";
  expect(shown).not.toMatch(/s3cret|BEGIN|example/);
  expect(shown).toContain("-HER_OS_PORT=8001\n");
  expect(shown).toContain("+HER_OS_PORT=8123\n");
  expect(shown).toContain(`+COMPOSE_FILE=docker-compose.yml:${heros}\n`);
  expect(shown).toContain(" DB=[hidden]\n");
});

test("a .env of twenty thousand lines is edited at both its ends", async () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => `KEY_${index}=${index}\n`).join("");
  const stackDir = await newStackDir({
    "compose.yml": minimalBase,
    ".env": `HER_OS_PORT=1\n${lines}`,
  });
  const plan = stackPlan("/models", { port: 8123 });
  const { changes } = await planDeployment({ host: testHost(), stackDir, plan, assetsDir });
  const shown = toPlannedFiles(changes).find((file) => file.path.endsWith(".env"))?.diff ?? "";
  expect(shown.split("\n").filter((line) => /^[+-][^+-]/.test(line))).toEqual([
    "-HER_OS_PORT=1",
    "+HER_OS_PORT=8123",
    `+COMPOSE_FILE=compose.yml:${heros}`,
  ]);
});

test.each([".env", "compose.yml"])("a %s that has no end is told, and not read", async (name) => {
  const stackDir = await newStackDir({ "compose.yml": minimalBase });
  await rm(path.join(stackDir, name), { force: true });
  await promisify(execFile)("mkfifo", [path.join(stackDir, name)]);
  await expect(setUpStack({ stackDir })).rejects.toMatchObject({
    code: "stack.no_text_file",
    exitCode: 2,
  });
});

test("of our own file that was edited nothing is shown but what heros wrote", async () => {
  const stackDir = await newStackDir({ "compose.yml": minimalBase });
  await setUpStack({ stackDir });
  const text = await read(stackDir, heros);
  await put(stackDir, {
    [heros]: text.replace("environment:", "environment:\n      SALT: s3cret-1\n      # s3cret-2"),
  });
  const { changes } = await planDeployment({
    host: testHost(),
    stackDir,
    plan: stackPlan("/models"),
    assetsDir,
  });
  const shown = toPlannedFiles(changes).find((file) => file.path.endsWith(heros))?.diff ?? "";
  expect(shown).toContain("-      SALT: [hidden]\n");
  expect(shown).not.toContain("s3cret");
});

test("a .env that nobody may write is told before anything is written", async () => {
  const stackDir = await newStackDir({ "compose.yml": minimalBase, ".env": "A=1\n" });
  await chmod(path.join(stackDir, ".env"), 0o444);
  const before = await photograph(stackDir);
  await expect(setUpStack({ stackDir })).rejects.toMatchObject({
    code: "stack.not_writable",
    message: expect.stringContaining(path.join(stackDir, ".env")) as string,
  });
  expect(await photograph(stackDir)).toEqual(before);
});
