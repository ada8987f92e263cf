import { Buffer } from "node:buffer";
import { base, compose, more, one, reserved, type UsersBase } from "./base.ts";

const other = "services: {her-os-core: {image: wrong}, stray: {image: stray}}\n";
const side = "services: {side: {image: side, volumes: ['./data:/data']}}\n";

const baseNames = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const overrideNames = [
  "compose.override.yml",
  "compose.override.yaml",
  "docker-compose.override.yml",
  "docker-compose.override.yaml",
];

export const named: readonly UsersBase[] = [
  ...baseNames.map((name) => ({ kind: name, files: { [name]: base() } })),
  ...overrideNames.map((name) => ({ kind: name, files: { "compose.yml": base(), [name]: more } })),
  {
    kind: "every name that compose knows",
    files: {
      ...Object.fromEntries([...baseNames, ...overrideNames].map((name) => [name, other])),
      "compose.yaml": base(),
      "compose.override.yml": more,
    },
  },
  {
    kind: "COMPOSE_FILE without ours, beside a compose.yaml that it does not name",
    files: { ".env": "COMPOSE_FILE=mine.yml\n", "mine.yml": base(), "compose.yaml": other },
  },
  {
    kind: "COMPOSE_FILE that leaves an override out",
    files: {
      ".env": "COMPOSE_FILE=docker-compose.yml",
      "docker-compose.yml": base(),
      "docker-compose.override.yml": other,
    },
  },
  {
    kind: "COMPOSE_FILE with variables and a separator of its own",
    files: {
      ".env": "STAGE=prod\nCOMPOSE_PATH_SEPARATOR=;\nCOMPOSE_FILE=base.yml;${STAGE}.yml\n",
      "base.yml": base(),
      "prod.yml": more,
    },
  },
  {
    kind: "COMPOSE_FILE with a default and quotes, a comment behind it",
    files: {
      ".env": 'COMPOSE_FILE="base.yml:${STAGE:-dev}.yml" # both\r\nA=b\r\n',
      "base.yml": base(),
      "dev.yml": more,
    },
  },
  {
    kind: "a base in a subfolder, with an .env and files of its own there",
    files: {
      ".env": "COMPOSE_FILE=deploy/compose.yaml:prod.yml\nTAG=outer\n",
      "deploy/compose.yaml": base({
        core: 'env_file: ./core.env\nlabels: {tag: "${TAG}", inner: "${INNER}"}',
        volumes: '["model-cache:/data/models", "./conf:/conf"]',
      }),
      "deploy/.env": "TAG=inner\nINNER=1\n",
      "deploy/core.env": "FROM_FILE=1\n",
      "prod.yml": more,
    },
  },
  {
    kind: "a base in the folder above",
    files: { "../shared/compose.yaml": base(), ".env": "COMPOSE_FILE=../shared/compose.yaml" },
  },
  {
    kind: "COMPOSE_PROJECT_NAME",
    files: { ".env": "COMPOSE_PROJECT_NAME=mine\n", ...compose(base()) },
  },
  one("a name at the top", { top: "name: named" }),
  {
    kind: "COMPOSE_PROJECT_NAME beside a name at the top",
    files: { ".env": "COMPOSE_PROJECT_NAME=mine\n", ...compose(base({ top: "name: named" })) },
  },
];

export const composed: readonly UsersBase[] = [
  {
    kind: "include alone",
    files: { ...compose("include: [annie/compose.yaml]\n"), "annie/compose.yaml": base() },
  },
  {
    kind: "include of a file in another folder, which includes another",
    files: {
      ...compose(
        base({
          core: "depends_on: [side]",
          top: "include:\n  - path: parts/side.yaml\n    env_file: parts/side.env",
        }),
      ),
      "parts/side.yaml": `include: [more/more.yaml]\n${side.replace("image: side", 'image: "side:${TAG}"')}`,
      "parts/side.env": "TAG=9\n",
      "parts/more/more.yaml": "services: {deep: {image: deep, volumes: ['./x:/x']}}\n",
    },
  },
  {
    kind: "include of files that are merged, with a project folder",
    files: {
      ...compose(
        "include:\n  - path: [annie/compose.yaml, annie/more.yaml]\n    project_directory: .\n",
      ),
      "annie/compose.yaml": base({ core: "env_file: ./core.env" }),
      "annie/more.yaml": more,
      "core.env": "A=1\n",
    },
  },
  {
    kind: "include of a file with an env_file that has the password",
    files: {
      ...compose("include: [{path: annie/compose.yaml, env_file: annie/own.env}]\n"),
      "annie/compose.yaml": base({ core: 'labels: ["p=${POSTGRES_PASSWORD:?}"]' }),
      "annie/own.env": "POSTGRES_PASSWORD=given\n",
    },
  },
  {
    kind: "extends from another file, with a GPU there",
    files: {
      ...compose(
        base({ core: "extends: {file: common/gpu.yaml, service: gpu}\nenvironment: [A=1]" }),
      ),
      "common/gpu.yaml": `services:\n  gpu:\n    shm_size: 2gb\n    environment: {B: "2"}\n    volumes: ['./conf:/conf']\n    ${reserved}\n`,
    },
  },
  {
    kind: "extends of Annie's service by another",
    files: compose(
      base({
        services: "worker:\n  extends: her-os-core\n  command: [worker]\n  ports: !reset []",
      }),
    ),
    since: [2, 24],
  },
  {
    kind: "extends of Annie's service by one in a second file",
    files: {
      ".env": "COMPOSE_FILE=base.yml:workers.yml\n",
      "base.yml": base(),
      "workers.yml":
        "services: {worker: {extends: {file: base.yml, service: her-os-core}, ports: !override ['9000:8000']}}\n",
    },
    since: [2, 24],
  },
  {
    kind: "an anchor that merges another, named more than 50 times",
    files: compose(
      base({
        top: "x-log: &log {logging: {driver: json-file}}\nx-all: &all\n  <<: *log\n  restart: unless-stopped",
        core: "<<: *all",
        services: Array.from(
          { length: 70 },
          (_, count) => `s${count}: {<<: *all, image: s${count}}`,
        ).join("\n"),
      }),
    ),
  },
  {
    kind: "a list of anchors to merge, and one in Annie's environment",
    files: compose(
      base({
        top: "x-a: &a {init: true}\nx-b: &b {tty: true}\nx-env: &env {A: '1', HF_HOME: /elsewhere}",
        core: "<<: [*a, *b]\nenvironment:\n  <<: *env\n  C: '3'",
      }),
    ),
  },
  {
    kind: "several documents in one file",
    files: compose(`${base()}---\n${more}---\nservices: {third: {image: third}}\n`),
  },
  {
    kind: "several documents, a version and marks around them",
    files: compose(`---\nversion: "3.8"\n${base()}...\n---\n${more}...\n`),
  },
  {
    kind: "several documents with an empty one",
    files: compose(`${base()}---\n---\n${more}`),
    refused: "stack.base_invalid",
  },
  { kind: "JSON", files: compose(JSON.stringify({ services: { "her-os-core": { image: "x" } } })) },
  {
    kind: "a mark at the start, \\r\\n",
    files: compose(`\uFEFF${base().replaceAll("\n", "\r\n")}`),
  },
  {
    kind: "UTF-16",
    files: { "compose.yaml": Buffer.from(`\uFEFF${base({ core: "labels: [a=ö]" })}`, "utf16le") },
  },
  one("x- keys everywhere", {
    top: "x-any: {services: {her-os-core: 1}}",
    core: "x-core: [1]\ndeploy: {x-deploy: 1}\nhealthcheck: {test: [CMD, x], x-check: 1}",
  }),
  {
    kind: "!reset in the override",
    files: {
      ...compose(base({ core: "command: [a]\nenvironment: {A: '1'}" })),
      "compose.override.yaml":
        "services: {her-os-core: {ports: !reset [], command: !reset null, environment: {A: !reset null}}}\n",
    },
    since: [2, 24],
  },
  {
    kind: "!override in the override",
    files: {
      ...compose(
        base({
          core: "environment: {A: '1'}\nsecrets: [hf_token]",
          top: "secrets: {hf_token: {environment: USER}}",
        }),
      ),
      "compose.override.yaml":
        "services: {her-os-core: {ports: !override ['9000:8000'], environment: !override {B: '2'}, volumes: !override ['./x:/x']}}\n",
    },
    since: [2, 25],
  },
  {
    kind: "!reset of the volume that Annie reads",
    files: {
      ...compose(base()),
      "compose.override.yaml": "services: {her-os-core: {volumes: !reset []}}\n",
    },
    since: [2, 24],
  },
  {
    kind: "a profile that COMPOSE_PROFILES enables, and one that is off",
    files: {
      ".env": "COMPOSE_PROFILES=annie,other\n",
      ...compose(
        base({ core: "profiles: [annie]", services: "off:\n  image: x\n  profiles: [off]" }),
      ),
    },
  },
  {
    kind: "every profile",
    files: { ".env": "COMPOSE_PROFILES=*\n", ...compose(base({ core: "profiles: [annie]" })) },
  },
  one("a profile that is off", { core: "profiles: [annie]" }, { refused: "stack.profile_off" }),
];
