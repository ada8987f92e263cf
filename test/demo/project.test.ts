import fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { interpolate, loadProject, parseEnvLines } from "../../src/demo/docker/project.ts";

let folder: string;

beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "heros-project-"));
});

afterEach(() => fs.rm(folder, { recursive: true }));

async function load(files: Record<string, string>, env: Record<string, string> = {}) {
  for (const [name, content] of Object.entries(files))
    await fs.writeFile(join(folder, name), content);
  return loadProject(fs, { folder, files: [], input: "", env, raw: false });
}

const base = `services:
  her-os-core:
    image: core:\${HER_OS_VERSION:-latest}
    ports: ["\${HER_OS_BIND:-127.0.0.1}:\${HER_OS_PORT:-8000}:8000"]
    environment:
      HF_HOME: /data/models
      PASSWORD: \${PASSWORD:?run heros setup}
    volumes: [model-cache:/data/models]
    healthcheck: {test: [CMD, "true"]}
  kokoro:
    image: kokoro
volumes:
  model-cache:
`;
const ours = `services:
  her-os-core:
    environment: {HF_HUB_CACHE: /data/models}
    volumes:
      - {type: bind, source: /cache dir, target: /data/models, read_only: true, bind: {create_host_path: false}}
    secrets: [hf_token]
secrets:
  hf_token: {file: ./secrets/hf_token}
`;

// What is expected here is what Compose 2.26.1 answers to the same files with `config --format json`.
test("merges base, override and ours as compose does", async () => {
  const project = await load({
    "docker-compose.yml": base,
    "docker-compose.override.yml": `services:
  her-os-core:
    environment: ["EXTRA=a=b", "PRICE=$$5", "DEF=\${NOPE:-d\${ALSO_NOPE-x}}"]
    ports: !override ["127.0.0.1:\${HER_OS_PORT:-8000}:8000"]
    volumes: ["./data:/data/models:ro", "/var/x:/x"]
  kokoro: !reset null
`,
    "docker-compose.heros.yml": ours,
    ".env":
      "# comment\nCOMPOSE_FILE=docker-compose.yml:docker-compose.override.yml:docker-compose.heros.yml\nHER_OS_PORT=8123 # trailing\nPASSWORD='p#w$x'\n",
  });

  expect(project.services).toEqual([
    {
      name: "her-os-core",
      image: "core:latest",
      environment: {
        HF_HOME: "/data/models",
        PASSWORD: "p#w$x",
        EXTRA: "a=b",
        PRICE: "$5",
        DEF: "dx",
        HF_HUB_CACHE: "/data/models",
      },
      mounts: [
        { target: "/data/models", source: "/cache dir", bind: true, mustExist: true },
        { target: "/x", source: "/var/x", bind: true, mustExist: false },
        {
          target: "/run/secrets/hf_token",
          source: join(folder, "secrets/hf_token"),
          bind: true,
          mustExist: true,
        },
      ],
      ports: [
        {
          mode: "ingress",
          target: 8000,
          published: "8123",
          host_ip: "127.0.0.1",
          protocol: "tcp",
        },
      ],
      publishedPorts: [8123],
      hasHealthCheck: true,
      endsByItself: false,
      dependsOn: [],
    },
  ]);
});

test("without COMPOSE_FILE ours does not count: base and the first override do", async () => {
  const project = await load(
    {
      "docker-compose.yml": base,
      "docker-compose.heros.yml": ours,
      "compose.override.yml": "services: {her-os-core: {image: mine}}",
      "docker-compose.override.yml": "services: {her-os-core: {image: other}}",
    },
    { PASSWORD: "x" },
  );

  expect(project.services[0]?.image).toBe("mine");
  expect(project.services[0]?.mounts).toEqual([
    { target: "/data/models", source: "model-cache", bind: false, mustExist: false },
  ]);
});

test("the environment wins over the .env file", async () => {
  const files = { "docker-compose.yml": base, ".env": "HER_OS_PORT=1\nPASSWORD=x\n" };

  const project = await load(files, { HER_OS_PORT: "2" });

  expect(project.services[0]?.publishedPorts).toEqual([2]);
});

test.each([
  ["no file at all", {}, "no configuration file provided"],
  [
    "a required variable",
    { "docker-compose.yml": base },
    "required variable PASSWORD is missing a value: run heros setup",
  ],
  [
    "a file that COMPOSE_FILE names in vain",
    { ".env": "COMPOSE_FILE=none.yml" },
    "none.yml: no such file",
  ],
  ["no YAML", { "compose.yaml": "services: [" }, "yaml: "],
])("says what compose says about %s", async (_, files, message) => {
  await expect(load(files)).rejects.toThrow(message);
});

test("a variable can have a default, a condition, or be left empty", () => {
  const env = { SET: "s", EMPTY: "" };

  expect(
    interpolate(
      "$SET ${SET:-d} ${EMPTY:-d} ${EMPTY-d} ${NONE-d} ${SET:+yes}${NONE:+no} $$SET ${NONE}.",
      env,
    ),
  ).toBe("s s d  d yes $SET .");
  expect(parseEnvLines(`A=1\nexport B="two words"\n#C=3\nD='#'\nE=x # y\nF=`)).toEqual({
    A: "1",
    B: "two words",
    D: "#",
    E: "x",
    F: "",
  });
});

test("a service that looks for models is known to end by itself, and variables are left alone where they are asked for so", async () => {
  await fs.writeFile(
    join(folder, "docker-compose.yml"),
    'services:\n  model-warmup:\n    image: core:${VERSION:-1}\n    entrypoint: ["python", "-m", "her_os.bootstrap", "--all"]\n',
  );
  const request = { folder, files: [], input: "", env: {} };
  const read = async (raw: boolean) => (await loadProject(fs, { ...request, raw })).services;
  expect(await read(false)).toMatchObject([{ image: "core:1", endsByItself: true }]);
  expect(await read(true)).toMatchObject([{ image: "core:${VERSION:-1}" }]);
});
