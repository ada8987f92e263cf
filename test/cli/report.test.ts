import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeSandbox, type Sandbox } from "./sandbox.ts";

const token = "hf_ReportTestToken0123456789";
const password = "correct-horse-battery";
let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await makeSandbox();
  const stack = path.join(sandbox.home, "her-os");
  const logs = path.join(sandbox.home, ".local/state/heros/logs");
  await mkdir(stack, { recursive: true });
  await mkdir(logs, { recursive: true });
  await writeFile(path.join(stack, ".env"), `POSTGRES_PASSWORD=${password}\nHER_OS_PORT=8123\n`);
  await writeFile(
    path.join(stack, "docker-compose.heros.yml"),
    `services: {her-os-core: {environment: {API_KEY: ${password}}}}\n`,
  );
  for (const day of [1, 2, 3, 4]) {
    const line = `{"v":1,"at":0,"type":"notice","message":"day ${day}: ${token} ${password}"}\n`;
    await writeFile(path.join(logs, `2026110${day}T000000Z-setup-1.jsonl`), line);
  }
});

afterEach(() => sandbox[Symbol.asyncDispose]());

async function dockerWith(config: object): Promise<void> {
  await sandbox.file("config.json", JSON.stringify(config));
  await sandbox.command(
    "docker",
    `case "$*" in
*" config --format json") /bin/cat '${sandbox.dir}/config.json';;
"version "*) echo "client 29.0.0, engine 29.0.0";;
*" version --short") echo 2.40.3;;
*) exit 1;;
esac`,
  );
}

/** The report that lies in the folder: its text, and its entries as tar lists them. */
async function readReport(folder: string) {
  const name = (await readdir(folder)).find((each) => each.startsWith("heros-report-")) ?? "";
  const file = path.join(folder, name);
  return {
    mode: (await stat(file)).mode & 0o777,
    text: gunzipSync(await readFile(file)).toString("utf8"),
    entries: execFileSync("tar", ["tzf", file], { encoding: "utf8" }).trim().split("\n"),
  };
}

it("has versions, checks, the stack and the last runs, and no password and no token", async () => {
  await dockerWith({
    name: "her-os",
    services: {
      "her-os-core": {
        image: "core:1",
        command: ["serve", `--key=${password}x`],
        environment: {
          HER_OS_PORT: "8123",
          DATABASE_URL: `postgres://ann:${password}@db/her`,
          NOTE: "a-private-note",
        },
        labels: { note: "a-private-label" },
        volumes: [{ type: "bind", source: "/srv/models", target: "/data/models" }],
      },
    },
    "x-mirror": `https://ann:other-password@mirror.test/`,
  });
  const run = await sandbox.run(["report"], { env: { HF_TOKEN: token } });
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  const { mode, text, entries } = await readReport(sandbox.dir);
  expect(mode).toBe(0o600);
  expect(entries).toEqual(
    [
      "versions.txt",
      "doctor.jsonl",
      "compose.json",
      "docker-compose.heros.yml",
      ...[2, 3, 4].map((day) => `runs/2026110${day}T000000Z-setup-1.jsonl`),
    ].map((name) => `heros-report/${name}`),
  );
  for (const secret of [token, password, "other-password", "a-private-note", "a-private-label"])
    expect(text + run.stdout).not.toContain(secret);
  for (const said of ["client 29.0.0", "core:1", "/srv/models", '"8123"', "doctor.report", "day 4"])
    expect(text).toContain(said);
  for (const entry of entries) expect(run.stdout).toContain(entry.replace("heros-report/", ""));
});

it("goes to the home where the folder can't be written", async () => {
  await dockerWith({});
  await sandbox.command("elsewhere", 'cd /proc && exec "$@"');
  const run = await sandbox.run(["report"], { within: "elsewhere" });
  expect(run.exitCode).toBe(0);
  expect((await readReport(sandbox.home)).entries).toContain("heros-report/versions.txt");
});
