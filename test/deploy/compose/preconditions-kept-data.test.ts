import { mkdir } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { textOfFile } from "../../../src/deploy/compose/deployment.ts";
import { planDeployment } from "../../../src/deploy/compose/plan.ts";
import { fakeDocker } from "../../docker/fake-docker.ts";
import {
  assetsDir,
  newStackDir,
  photograph,
  put,
  stackPlan,
  temporaryFolder,
  testHost,
} from "./fixtures.ts";

const base = `services:
  her-os-core:
    image: mine
  postgres:
    image: postgres:17
    environment:
      POSTGRES_PASSWORD: \${POSTGRES_PASSWORD:?it is needed}
`;

interface Kept {
  /** As `docker compose config` says it, of the database's service. */
  readonly volume: object;
  /** What docker has. */
  readonly volumes?: readonly string[];
  readonly env?: string;
}

async function plan({ volume, volumes = [], env }: Kept) {
  const stackDir = await newStackDir({ "docker-compose.yml": base });
  if (env !== undefined) await put(stackDir, { ".env": env });
  const config = JSON.stringify({
    services: { "her-os-core": {}, postgres: { image: "postgres:17", volumes: [volume] } },
    volumes: { "postgres-data": { name: "annie_postgres-data" }, other: { name: "annie_other" } },
  });
  const known = volumes.map((name) => `"volume inspect ${name}") exit 0 ;;`).join("\n");
  const docker = await fakeDocker(`
case "$*" in
${known}
*" config "*) cat <<'EOT'
${config}
EOT
;;
*) exit 1 ;;
esac`);
  const before = await photograph(stackDir);
  try {
    return await planDeployment({
      host: testHost({ PATH: `${docker.bin}:/usr/bin:/bin` }),
      stackDir,
      plan: stackPlan("/models"),
      assetsDir,
    });
  } finally {
    expect(await photograph(stackDir)).toEqual(before);
  }
}

const target = "/var/lib/postgresql/data";
const volume = { type: "volume", source: "postgres-data", target };
const lost = { code: "stack.password_lost", exitCode: 2 };

test("no new password is made for a database that is there", async () => {
  const volumes = ["annie_postgres-data"];
  await expect(plan({ volume, volumes })).rejects.toMatchObject(lost);
  await expect(plan({ volume, volumes, env: "A=1\n" })).rejects.toMatchObject(lost);
  await plan({ volume, volumes, env: "POSTGRES_PASSWORD=old\n" });
});

/** Whether a password stands in the planned `.env`. */
async function makesOne(kept: Kept): Promise<boolean> {
  const { changes } = await plan(kept);
  const env = changes.find((change) => change.path.endsWith("/.env"));
  return /^POSTGRES_PASSWORD=\w{48}$/m.test(env === undefined ? "" : textOfFile(env.content));
}

test("one is made where there is none, whatever else is there", async () => {
  const scripts = { ...volume, target: "/docker-entrypoint-initdb.d" };
  expect(await makesOne({ volume })).toBe(true);
  expect(await makesOne({ volume, volumes: ["postgres-data", "annie_other"] })).toBe(true);
  expect(await makesOne({ volume: scripts, volumes: ["annie_postgres-data"] })).toBe(true);
});

test("a folder counts as a volume does", async () => {
  const source = path.join(await temporaryFolder(), "pg");
  const bind = { type: "bind", source, target };
  expect(await makesOne({ volume: bind })).toBe(true);
  await mkdir(source);
  expect(await makesOne({ volume: bind })).toBe(true);
  await put(source, { PG_VERSION: "17" });
  await expect(plan({ volume: bind })).rejects.toMatchObject(lost);
});
