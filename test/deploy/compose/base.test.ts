import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { Secret } from "../../../src/run/secret.ts";
import { type PlannedDeployment, planDeployment } from "../../../src/deploy/compose/plan.ts";
import { readBase } from "../../../src/deploy/compose/base.ts";
import { textOfFile } from "../../../src/deploy/compose/deployment.ts";
import { fakeDocker } from "../../docker/fake-docker.ts";
import {
  assetsDir,
  minimalBase,
  newStackDir,
  put,
  stackPlan,
  testHost,
  type PlanChange,
} from "./fixtures.ts";
import { hostWith, type Said } from "./validated-base.ts";

const published = [
  { mode: "ingress", host_ip: "127.0.0.1", target: 8000, published: "8000", protocol: "tcp" },
];

async function plan(said: Said, change: PlanChange = {}) {
  const stackDir = await newStackDir({ "docker-compose.yml": minimalBase });
  const before = await readdir(stackDir);
  let planned: PlannedDeployment;
  try {
    planned = await planDeployment({
      host: await hostWith(said),
      stackDir,
      plan: stackPlan("/models", change),
      assetsDir,
    });
  } finally {
    expect(await readdir(stackDir)).toEqual(before);
  }
  const ours = planned.changes.find((each) => each.path.endsWith("docker-compose.heros.yml"));
  const override = parse(ours === undefined ? "" : textOfFile(ours.content)) as {
    services: { "her-os-core": Record<string, unknown> };
    secrets?: object;
  };
  return { ...planned, override, core: override.services["her-os-core"] };
}

/** As `docker compose config --format json` prints them, `extends` worked in. */
test.each([
  ["gpus: all", { gpus: [{ count: -1 }] }],
  ["runtime: nvidia", { runtime: "nvidia" }],
  [
    "CDI under devices",
    {
      devices: [{ source: "nvidia.com/gpu=all", target: "nvidia.com/gpu=all", permissions: "rwm" }],
    },
  ],
  [
    "the driver's own devices",
    { devices: [{ source: "/dev/nvidia0", target: "/dev/nvidia0", permissions: "rwm" }] },
  ],
  [
    "a reservation by extends",
    {
      deploy: {
        resources: {
          reservations: { devices: [{ capabilities: ["gpu"], driver: "nvidia", count: -1 }] },
        },
      },
    },
  ],
  ...[{ driver: "nvidia" }, { driver: "cdi" }, { capabilities: ["gpu"] }].map(
    (device): [string, object] => [
      `a reservation with ${JSON.stringify(device)} alone`,
      { deploy: { resources: { reservations: { devices: [device] } } } },
    ],
  ),
])("a GPU that the user's files hand over is not reserved again: %s", async (_what, gpu) => {
  const { core } = await plan({ annie: { ports: published, ...gpu } }, { gpu: true });
  expect(core).not.toHaveProperty("deploy");
});

test("what is no GPU leaves ours in", async () => {
  const annie = { ports: published, devices: [{ source: "/dev/snd" }], gpus: [], runtime: "runc" };
  const { core } = await plan({ annie }, { gpu: true });
  expect(core).toHaveProperty("deploy.resources.reservations.devices.0.driver", "nvidia");
});

test.each([
  ["her-os-core:", false],
  ["her-os-core: {image: mine, devices: [/dev/snd]}", false],
  ["her-os-core: {devices: [/dev/nvidia0]}", true],
  ["her-os-core: {gpus: all}", true],
  ["her-os-core: {runtime: nvidia}", true],
  ["her-os-core: {deploy: {resources: {reservations: {devices: [{driver: cdi}]}}}}", true],
  ["her-os-core: {deploy: {resources: {limits: {}}}}", false],
  ["her-os-core: {image: a, image: b}", false],
])("without compose, {%s} hands over a GPU: %s", (service, reservesGpu) => {
  const text = `services:\n  ${service}\n`;
  expect(readBase([{ path: "/x/compose.yml", text }], "her-os-core")).toMatchObject({
    services: ["her-os-core"],
    gpuReserved: new Set(reservesGpu ? ["her-os-core"] : []),
  });
});

test("what compose does not accept is said before anything is written", async () => {
  const refusal =
    'service "her-os-core" depends on undefined service "zzz": invalid compose project';
  await expect(plan({ annie: { ports: published }, refusal })).rejects.toMatchObject({
    code: "stack.base_invalid",
    exitCode: 2,
    message: expect.stringContaining("zzz") as string,
  });
});

test.each([
  "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
  "unknown flag: --project-directory",
  "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock",
])("a compose that can't judge is no judgement: %s", async (refusal) => {
  const { changes } = await plan({ annie: { ports: published }, refusal });
  expect(changes.length).toBeGreaterThan(0);
});

test.each(["/data/models", "/data/models/:size=1g"])(
  "a tmpfs where the models are mounted is told, and how to go on: %s",
  async (tmpfs) => {
    await expect(
      plan({ annie: { ports: published, tmpfs: ["/run", tmpfs] } }),
    ).rejects.toMatchObject({
      code: "stack.base_invalid",
      message: expect.stringContaining("tmpfs at /data/models") as string,
      hint: expect.stringContaining("Remove /data/models from tmpfs") as string,
    });
    await plan({ annie: { ports: published, tmpfs: ["/data", "/data/models/tmp"] } });
  },
);

test("a service of Annie's in a profile that is off is told, with the profile", async () => {
  const everything = { "her-os-core": { profiles: ["gpu"] } };
  await expect(plan({ annie: null, everything })).rejects.toMatchObject({
    code: "stack.profile_off",
    exitCode: 2,
    hint: expect.stringContaining("COMPOSE_PROFILES=gpu") as string,
  });
});

test("files in which no profile has her are no base", async () => {
  await expect(plan({ annie: null })).rejects.toMatchObject({
    code: "stack.base_invalid",
    exitCode: 2,
  });
});

test("a port is published by ours where the user's files publish none, and only there", async () => {
  expect((await plan({ annie: {} })).core["ports"]).toEqual([
    "${HER_OS_BIND:-127.0.0.1}:${HER_OS_PORT:-8000}:8000",
  ]);
  for (const annie of [
    { ports: published },
    { ports: [{ target: 8000, protocol: "tcp" }] },
    { network_mode: "host" },
  ]) {
    expect((await plan({ annie })).core).not.toHaveProperty("ports");
  }
  const vpn = { network_mode: "service:vpn" };
  const others = { vpn: { ports: published } };
  expect((await plan({ annie: vpn, others })).core).not.toHaveProperty("ports");
});

test.each([{ network_mode: "none" }, { network_mode: "service:vpn" }])(
  "where nobody can publish her it is said: %j",
  async (annie) => {
    await expect(plan({ annie, others: { vpn: {} } })).rejects.toMatchObject({
      code: "stack.no_port",
      exitCode: 2,
    });
  },
);

test("a user's own secret named hf_token stays theirs", async () => {
  const token = new Secret("hf_abcdefgh");
  const theirs = await plan(
    { annie: { ports: published }, secrets: { hf_token: { environment: "MINE" } } },
    { token },
  );
  expect(Object.keys(theirs.override.secrets ?? {})).toEqual(["heros_hf_token"]);
  expect(theirs.core).toMatchObject({
    secrets: ["heros_hf_token"],
    environment: { HF_TOKEN_PATH: "/run/secrets/heros_hf_token" },
  });
  const none = await plan({ annie: { ports: published } }, { token });
  expect(Object.keys(none.override.secrets ?? {})).toEqual(["hf_token"]);
});

test("a volume that ours covers is told, and who else fills it", async () => {
  const models = { type: "volume", source: "model-cache", target: "/data/models" };
  const { notices } = await plan({
    annie: { ports: published, volumes: [models] },
    others: { "model-warmup": { volumes: [models] }, redis: { volumes: [] } },
  });
  expect(notices.map(({ code, level }) => [code, level])).toEqual([
    ["stack.volume_covered", "info"],
    ["stack.volume_apart", "warning"],
  ]);
  expect(notices[1]?.message).toContain("model-warmup");
  expect((await plan({ annie: { ports: published } })).notices).toEqual([]);
});

test("what a person should know of their own files is told the first time alone", async () => {
  const models = { type: "volume", source: "model-cache", target: "/data/models" };
  const host = await hostWith({ annie: { ports: published, volumes: [models] } });
  const stackDir = await newStackDir({ "docker-compose.yml": minimalBase });
  const told = async () =>
    (await planDeployment({ host, stackDir, plan: stackPlan("/models"), assetsDir })).notices;
  expect(await told()).toHaveLength(1);
  await put(stackDir, { "docker-compose.heros.yml": "services: {}\n" });
  expect(await told()).toEqual([]);
});

test("the last port of all is compared with a lower one", async () => {
  const docker = await fakeDocker(`echo "$HER_OS_PORT" >>"$log.ports"
cat <<EOT
{"services":{"her-os-core":{"ports":[{"host_ip":"127.0.0.1","target":8000,"published":"$HER_OS_PORT","protocol":"tcp"}]}}}
EOT`);
  const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
  const stackDir = await newStackDir({ "docker-compose.yml": minimalBase });
  const { changes } = await planDeployment({
    host,
    stackDir,
    plan: stackPlan("/models", { port: 65_535 }),
    assetsDir,
  });
  const asked = (await readFile(join(docker.bin, "calls.ports"), "utf8")).trim().split("\n");
  expect(Math.max(...asked.map(Number))).toBe(65_535);
  expect(new Set(asked).size).toBe(2);
  const env = changes.find((each) => each.path.endsWith(".env"));
  expect(env === undefined ? "" : textOfFile(env.content)).toContain("HER_OS_PORT=65535");
});

test("a service of the user's that comes out different with our file is told before anything is written", async () => {
  const kokoro = { image: "k", stop_grace_period: "1m" };
  const same = await plan({ annie: { ports: published }, others: { kokoro } });
  expect(same.notices).toEqual([]);
  const { notices } = await plan({
    annie: { ports: published },
    others: { kokoro },
    othersWithOurs: { kokoro: { ...kokoro, stop_grace_period: "2m" } },
  });
  expect(notices).toMatchObject([
    {
      level: "warning",
      code: "stack.service_changed",
      message: expect.stringContaining("kokoro") as string,
    },
  ]);
});
