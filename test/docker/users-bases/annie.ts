import { base, compose, one, reserved, type UsersBase, usualPort } from "./base.ts";

export const gpus: readonly UsersBase[] = [
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

export const ports: readonly UsersBase[] = [
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

export const mounts: readonly UsersBase[] = [
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

export const keys: readonly UsersBase[] = [
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
