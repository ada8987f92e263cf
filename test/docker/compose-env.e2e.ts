import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { newStackDir, put, setUpStack, testHost } from "../deploy/compose/fixtures.ts";
import { envCases } from "../deploy/compose/env/env-cases.ts";

const compose = 'services: {x: {image: x, environment: {A: "${A-(none)}", B: "${B-(none)}"}}}\n';

// To write the answers anew: vitest run --config test/e2e.config.ts compose-env --update
test("compose reads .env files as it did when its answers were written down", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-env-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(path.join(folder, "compose.yml"), compose);
  const answers: Record<string, object | null> = {};
  for (const signs of envCases) {
    await writeFile(path.join(folder, ".env"), Buffer.from(signs, "latin1"));
    answers[signs] = await ask(folder);
  }
  await expect(`${JSON.stringify(answers, null, 2)}\n`).toMatchFileSnapshot(
    "../deploy/compose/env/compose-answers.json",
  );
});

const base = "services: {her-os-core: {image: x, environment: {P: '${POSTGRES_PASSWORD:?}'}}}\n";
const more = "services: {her-os-core: {environment: {MORE: '1'}}}\n";

test.each([
  ["", ["docker-compose.yml"], false],
  ["", ["compose.yaml", "compose.override.yml"], true],
  ["COMPOSE_FILE=docker-compose.yml", ["docker-compose.yml", "compose.override.yml"], false],
  ["COMPOSE_FILE='mine.yml:more.yml' # both", ["mine.yml", "more.yml"], true],
  [
    "A=mine\nexport COMPOSE_FILE=${A}.yml,$A-more.yml\r\nCOMPOSE_PATH_SEPARATOR=,",
    ["mine.yml", "mine-more.yml"],
    true,
  ],
  ["COMPOSE_FILE=a/base.yml:b/more.yml", ["a/base.yml", "b/more.yml"], true],
  ["COMPOSE_FILE=mine.yml:", ["mine.yml"], false],
])("what heros makes of %j is what compose reads", async (env, names, hasMore) => {
  const stackDir = await newStackDir({ ".env": env });
  for (const name of names)
    await put(stackDir, { [name]: /more|override/.test(name) ? more : base });
  await setUpStack({ stackDir });
  const { HF_HUB_OFFLINE, P, MORE } = (await config(stackDir))?.["her-os-core"]?.environment ?? {};
  expect(HF_HUB_OFFLINE).toBe("1");
  expect(P).toMatch(/^[0-9a-f]{48}$/);
  expect(MORE).toBe(hasMore ? "1" : undefined);
});

test.each([
  ["include: [parts/annie.yml]\n", "services:\n"],
  [
    "services: {her-os-core: {extends: {file: parts/annie.yml, service: her-os-core}}}\n",
    "services:\n",
  ],
])(
  "a password that only another file requires is made, and a second run keeps it: %s",
  async (own, start) => {
    const stackDir = await newStackDir({
      "compose.yml": own,
      "parts/annie.yml": `${start}  her-os-core: {image: x, environment: {P: "\${POSTGRES_PASSWORD:?}", N: "\${NEO4J_PASSWORD:?}"}}\n`,
    });
    const host = testHost({
      PATH: process.env["PATH"] ?? "",
      DOCKER_CONFIG: process.env["DOCKER_CONFIG"] ?? "",
    });
    await setUpStack({ stackDir, host });
    const { P, N } = (await config(stackDir))?.["her-os-core"]?.environment ?? {};
    expect(P).toMatch(/^[0-9a-f]{48}$/);
    expect(N).toMatch(/^[0-9a-f]{48}$/);
    expect(new Set(Object.values(await setUpStack({ stackDir, host })))).toEqual(
      new Set(["unchanged"]),
    );
  },
);

async function ask(folder: string): Promise<object | null> {
  const { A, B } = (await config(folder))?.["x"]?.environment ?? {};
  return A === undefined || B === undefined ? null : { A: value(A), B: value(B) };
}

type Services = Readonly<Record<string, { environment: Readonly<Record<string, string>> }>>;

/** The services as compose reads them; null where it refuses. */
function config(folder: string): Promise<Services | null> {
  const { PATH = "/usr/bin:/bin", DOCKER_CONFIG = "" } = process.env;
  const env = { PATH, DOCKER_CONFIG, HOME: folder, OUTER: "outside", EMPTY: "" };
  const args = ["compose", "config", "--format", "json"];
  return new Promise((resolve) => {
    execFile("docker", args, { cwd: folder, env }, (error, stdout) =>
      resolve(error === null ? (JSON.parse(stdout) as { services: Services }).services : null),
    );
  });
}

/** Compose doubles what it would fill in again. */
function value(shown: string): string | null {
  return shown === "(none)" ? null : shown.replaceAll("$$", "$");
}
