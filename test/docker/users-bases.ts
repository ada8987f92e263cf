/** A stack as a person may have it before heros comes. */
export interface UsersBase {
  readonly kind: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** The oldest compose that takes it; default: every one. */
  readonly since?: readonly [number, number];
  /** The code with which heros refuses it. */
  readonly refused?: string;
}

interface Parts {
  /** Lines of Annie's service, behind its image. */
  readonly core?: string;
  readonly ports?: string;
  readonly volumes?: string;
  readonly services?: string;
  readonly top?: string;
  /** What its volumes are. */
  readonly named?: string;
}

const usualPort = '["127.0.0.1:${HER_OS_PORT:-8000}:8000"]';

/** A base of two services; each part is written as it would stand at the left margin. */
function base(parts: Parts = {}): string {
  const { core = "", ports = usualPort, volumes = '["model-cache:/data/models"]' } = parts;
  const { services = "", top = "", named: volumesOfAll = "{model-cache: , db: }" } = parts;
  const own = [
    "image: ghcr.io/her-os/her-os-core:latest",
    ...(ports === "" ? [] : [`ports: ${ports}`]),
    ...(volumes === "" ? [] : [`volumes: ${volumes}`]),
    core,
  ].join("\n");
  const postgres =
    'postgres:\n  image: postgres:17\n  volumes: ["db:/var/lib/postgresql/data"]\n  environment: {POSTGRES_PASSWORD: given}';
  return [
    top,
    "services:",
    indent("her-os-core:", 2),
    indent(own, 4),
    indent(postgres, 2),
    indent(services, 2),
    `volumes: ${volumesOfAll}\n`,
  ].join("\n");
}

function indent(text: string, by: number): string {
  return text.replaceAll(/^(?=.)/gm, " ".repeat(by));
}

const more = 'services:\n  her-os-core: {environment: {MORE: "1"}}\n  extra: {image: extra}\n';
const other = "services: {her-os-core: {image: wrong}, stray: {image: stray}}\n";
const side = "services: {side: {image: side, volumes: ['./data:/data']}}\n";
const reserved =
  "deploy: {resources: {limits: {memory: 8g}, reservations: {devices: [{driver: nvidia, count: 1, capabilities: [gpu]}]}}}";

const compose = (text: string) => ({ "compose.yaml": text });
const one = (kind: string, parts: Parts, more_: Partial<UsersBase> = {}): UsersBase => ({
  kind,
  files: compose(base(parts)),
  ...more_,
});

const baseNames = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const overrideNames = [
  "compose.override.yml",
  "compose.override.yaml",
  "docker-compose.override.yml",
  "docker-compose.override.yaml",
];

const named: readonly UsersBase[] = [
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

const composed: readonly UsersBase[] = [
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

const gpus: readonly UsersBase[] = [
  one("a GPU by deploy", { core: reserved }),
  one("a GPU by deploy, one device of it", {
    core: "deploy: {resources: {reservations: {devices: [{device_ids: ['0'], capabilities: [gpu, utility]}]}}}",
  }),
  one("a reservation of CPUs alone", {
    core: "deploy: {replicas: 1, resources: {reservations: {cpus: '2', memory: 4g}}}",
  }),
  one("a device that is no GPU", { core: "devices: [/dev/snd]" }),
  one("a GPU by gpus: all", { core: "gpus: all" }, { since: [2, 30] }),
  one(
    "a GPU by a list of gpus",
    { core: "gpus: [{driver: nvidia, count: 1}]" },
    { since: [2, 30] },
  ),
  one("a GPU by runtime", { core: "runtime: nvidia\nenvironment: {NVIDIA_VISIBLE_DEVICES: all}" }),
  one("a GPU by CDI in devices", { core: "devices: ['nvidia.com/gpu=all']" }),
  one("a GPU by CDI in deploy", {
    core: "deploy: {resources: {reservations: {devices: [{driver: cdi, device_ids: ['nvidia.com/gpu=all'], capabilities: [gpu]}]}}}",
  }),
  one("a GPU by the driver's own devices", { core: "devices: ['/dev/nvidia0:/dev/nvidia0'] " }),
  one("a GPU of another service's", { services: `tts:\n  image: tts\n  ${reserved}` }),
];

const ports: readonly UsersBase[] = [
  one("a port as a number", { ports: '["9123:8000"]' }),
  one("a port in the long form", {
    ports:
      "[{target: 8000, published: '${HER_OS_PORT:-8000}', host_ip: 127.0.0.1, protocol: tcp, mode: host}]",
  }),
  one("a range for one port", { ports: '["8100-8110:8000"]' }),
  one("a range of ports", { ports: '["8000-8002:8000-8002"]' }),
  one("a port that Docker chooses", { ports: '["8000"]' }),
  one("no port", { ports: "" }),
  one("no port, but expose", { ports: "", core: "expose: [8000]" }),
  one("another port alone", { ports: '["9000:9000"]' }),
  one("udp alone", { ports: '["8000:8000/udp"]' }),
  one("two ports and IPv6", { ports: '["[::1]:8000:8000", "0.0.0.0:9000:8000", "9001:9001"]' }),
  one("host network", { ports: "", core: "network_mode: host" }),
  one("another service's network", {
    ports: "",
    core: "network_mode: service:gate",
    services: `gate:\n  image: gate\n  ports: ${usualPort}`,
  }),
  one("no network at all", { ports: "", core: "network_mode: none" }, { refused: "stack.no_port" }),
  one("networks of their own", {
    core: "networks: {inside: {aliases: [annie]}, outside: }",
    top: "networks: {inside: {internal: true}, outside: {name: shared, external: true}}",
  }),
];

const mounts: readonly UsersBase[] = [
  one("no volume", { volumes: "" }),
  one("volumes in the long form", {
    volumes:
      "[{type: volume, source: model-cache, target: /data/models, volume: {nocopy: true}}, {type: bind, source: ./conf, target: /conf, read_only: true}]",
  }),
  one("a folder at /data/models", { volumes: '["/srv/models:/data/models:ro"]' }),
  one("a volume with no name at /data/models", { volumes: "[/data/models]" }),
  one("a target that ends in a slash", { volumes: '["model-cache:/data/models/"]' }),
  one("a target in a variable", { volumes: '["model-cache:${NOWHERE:-/data/models}"]' }),
  one("a tmpfs at /data/models", { volumes: "[{type: tmpfs, target: /data/models}]" }),
  one(
    "tmpfs at /data/models, in a key of its own",
    {
      volumes: "",
      core: "tmpfs: [/data/models, /run]",
    },
    { refused: "stack.base_invalid" },
  ),
  one("folders below and above /data/models", {
    volumes: '["./data:/data", "./keep:/data/models/keep"]',
  }),
  one(
    "a volume that is not defined",
    { volumes: '["big:/data/models"]' },
    { refused: "stack.base_invalid" },
  ),
  one("an external volume", {
    named:
      "{model-cache: {external: true, name: her-os_models}, db: {driver_opts: {type: none, o: bind, device: /srv/db}}}",
  }),
  one("the volume of models in another service, too", {
    services: "loader:\n  image: loader\n  volumes: [model-cache:/data/models]",
  }),
  one("secrets and configs of their own", {
    core: "secrets: [mine, {source: other, target: /run/other, mode: 0400}]\nconfigs: [{source: conf, target: /conf}]",
    top: "secrets: {mine: {file: ./mine.txt}, other: {environment: USER}}\nconfigs: {conf: {file: ./conf.txt}}",
  }),
  one("a secret named hf_token of their own", {
    core: "secrets: [hf_token]\nenvironment: {HF_TOKEN_PATH: /run/secrets/hf_token}",
    top: "secrets: {hf_token: {file: /home/me/token}}",
  }),
  one("a secret named hf_token of another service's", {
    services: "x:\n  image: x\n  secrets: [hf_token]",
    top: "secrets: {hf_token: {file: /home/me/token}}",
  }),
  one("a config written into the file", {
    core: "configs: [{source: conf, target: /conf}]",
    top: "configs: {conf: {content: 'a: ${HER_OS_PORT:-8000}'}}",
  }),
];

const keys: readonly UsersBase[] = [
  one("a user", { core: 'user: "1000:1000"' }),
  one("read_only", { core: "read_only: true\ntmpfs: [/tmp]" }),
  one('restart: "no", no health check', { core: 'restart: "no"\nhealthcheck: {disable: true}' }),
  one("a health check of NONE", { core: "healthcheck: {test: [NONE]}" }),
  one("container_name and hostname", { core: "container_name: annie\nhostname: annie" }),
  one("environment as a list, with names alone", {
    core: "environment:\n  - HF_HOME=/elsewhere\n  - HF_HUB_OFFLINE\n  - PRICE=5$$\n  - EMPTY=\n  - OUTSIDE",
  }),
  one("environment with null, numbers and booleans", {
    core: 'environment: {A: , B: 1, C: "true", HF_TOKEN: , HF_HUB_OFFLINE: 0}',
  }),
  {
    kind: "env_file as a text",
    files: {
      ...compose(base({ core: "env_file: core.env" })),
      "core.env": "HF_HOME=/elsewhere\nA='$x'\n",
    },
  },
  {
    kind: "env_file as a list, with an optional one that is missing",
    files: {
      ...compose(
        base({ core: "env_file:\n  - core.env\n  - {path: ./missing.env, required: false}" }),
      ),
      "core.env": "A=1\n",
    },
    since: [2, 24],
  },
  one(
    "an env_file that is missing",
    { core: "env_file: gone.env" },
    { refused: "stack.base_invalid" },
  ),
  one("what NVIDIA's examples have", {
    core: "ipc: host\nulimits: {memlock: -1, stack: 67108864}\nshm_size: 16gb\ncap_add: [SYS_NICE]\nsecurity_opt: [seccomp=unconfined]\npid: host\nextra_hosts: ['host.docker.internal:host-gateway']",
  }),
  one("labels as a list, logging, stop rules, sysctls", {
    core: "labels: [a=1, 'b=$$x']\nlogging: {driver: local, options: {max-size: 10m}}\nstop_grace_period: 90s\nsysctls: [net.core.somaxconn=1024]\ninit: true",
  }),
  one("depends_on as a list", { core: "depends_on: [postgres]" }),
  one("depends_on with conditions", {
    core: "depends_on:\n  postgres: {condition: service_started, restart: true, required: false}",
  }),
  one("command and entrypoint with variables and $$", {
    core: 'entrypoint: ["/bin/sh", "-c"]\ncommand: ["echo $$HOME ${NOWHERE-}"]',
  }),
  one("an image by its digest, a platform, a pull policy", {
    core: `platform: linux/arm64\npull_policy: missing`,
    services: `x:\n  image: x@sha256:${"a".repeat(64)}`,
  }),
  {
    kind: "a build without an image",
    files: { ...compose("services: {her-os-core: {build: .}}\n"), Dockerfile: "FROM scratch\n" },
  },
  one("a build with an image and arguments", {
    core: "build: {context: ./core, args: {A: '1'}, target: run}",
  }),
  one("replicas and a rolling update", {
    core: "deploy: {replicas: 2, update_config: {order: start-first}}",
    ports: '["8000-8001:8000"]',
  }),
  one("memory limits", { core: "mem_limit: 8g\nmemswap_limit: 8g\ncpus: 4" }),
  one("a warm-up of their own", {
    services: "model-warmup:\n  image: mine\n  command: [--all]\n  environment: {A: '1'}",
  }),
];

const env = (
  kind: string,
  text: string | Uint8Array,
  more_: Partial<UsersBase> = {},
): UsersBase => ({
  kind: `.env: ${kind}`,
  files: {
    ".env": text,
    ...compose(
      base({
        core: 'environment: ["A=${A-none}", "B=${B-none}", "PASS=${POSTGRES_PASSWORD-none}"]',
      }),
    ),
  },
  ...more_,
});

const envs: readonly UsersBase[] = [
  env("# in a value, and at its start", "A=#abc\nB=a#b # said\nPOSTGRES_PASSWORD=#x#\n"),
  env("a tab before #", "A=a\t# kept\nB=1\n"),
  env("quotes of both kinds", 'A="a # b"\nB=\'$A "x"\'\nPOSTGRES_PASSWORD="q\\"\\$x"\n'),
  env(
    "values over several lines",
    "A=\"one\ntwo # no comment\nthree\"\nB='x\ny'\nPOSTGRES_PASSWORD=p\n",
  ),
  env("\\r at the ends", "A=1\r\nB=2\r\nPOSTGRES_PASSWORD=p\r\n"),
  env("no line's end at the file's end", "POSTGRES_PASSWORD=p\nA=1"),
  env(
    "bytes that are no UTF-8",
    Buffer.from("# caf\xe9\nA=\xe9\xff\nPOSTGRES_PASSWORD=p\n", "latin1"),
  ),
  env("a mark at the start", "\uFEFFA=1\nPOSTGRES_PASSWORD=p\n"),
  env("UTF-16", Buffer.from("\uFEFFA=1\n", "utf16le"), { refused: "stack.env_invalid" }),
  env("export", "export A=1\nexport   POSTGRES_PASSWORD=p\nexport B\n"),
  env("spaces around =, a : in its place", "A = 1\nB: 2\nPOSTGRES_PASSWORD = p\n"),
  env("values that refer to others", "B=x\nA=${B}-$B-${C:-d}\nPOSTGRES_PASSWORD=${A}\n"),
  env("a key that stands twice", "A=1\nA=2\nPOSTGRES_PASSWORD=p\n"),
  env("a quote that is not closed", "A='1\nPOSTGRES_PASSWORD=p\n", {
    refused: "stack.env_invalid",
  }),
  env("empty", ""),
  env("a port that is not 8000", "HER_OS_PORT='8000' # kept\nPOSTGRES_PASSWORD=p\n"),
];

const refused: readonly UsersBase[] = [
  one("depends_on of nothing", { core: "depends_on: [gone]" }, { refused: "stack.base_invalid" }),
  one(
    "a secret that is not defined",
    { core: "secrets: [gone]" },
    { refused: "stack.base_invalid" },
  ),
  one(
    "a config that is not defined",
    { core: "configs: [gone]" },
    { refused: "stack.base_invalid" },
  ),
  one(
    "a network that is not defined",
    { core: "networks: [gone]" },
    { refused: "stack.base_invalid" },
  ),
  one("an unknown key", { core: "imagee: x" }, { refused: "stack.base_invalid" }),
  one(
    "a required variable without a value",
    { core: 'labels: ["a=${GONE:?set it}"]' },
    { refused: "stack.base_invalid" },
  ),
  {
    kind: "no service of Annie's",
    files: compose("services: {x: {image: x}}\n"),
    refused: "stack.base_invalid",
  },
  {
    kind: "include of a file that is missing",
    files: compose("include: [gone.yaml]\n"),
    refused: "stack.base_invalid",
  },
  {
    kind: "extends of a file that is missing",
    files: compose("services: {her-os-core: {extends: {file: gone.yaml, service: x}}}\n"),
    refused: "stack.base_invalid",
  },
  {
    kind: "COMPOSE_FILE that names a file that is missing",
    files: { ".env": "COMPOSE_FILE=gone.yml\n", ...compose(base()) },
    refused: "stack.base_invalid",
  },
];

/** Every kind that is known, each once. */
export const usersBases: readonly UsersBase[] = [
  ...named,
  ...composed,
  ...gpus,
  ...ports,
  ...mounts,
  ...keys,
  ...envs,
  ...refused,
];

/** Those of which a warm-up takes something over, or could. */
export const warmedBases: readonly UsersBase[] = [
  ...named.filter(({ files }) => "deploy/compose.yaml" in files),
  ...composed.filter(({ kind }) => /^(?:include|extends|several|a profile)/.test(kind)),
  ...ports.filter(({ kind }) => kind.endsWith("network")),
  ...keys.filter(({ kind }) =>
    /user|depends_on|image|replicas|warm-up|env_file|names alone/.test(kind),
  ),
];
