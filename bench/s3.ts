/**
 * What a model out of a bucket takes: `heros pull` from a real S3 server on loopback, beside `heros pull` of the same from a
 * Hub on loopback, and beside `aws s3 cp`, which verifies nothing. Needs the build, and Go for versitygw unless VERSITYGW names
 * one; the AWS tools are left out where Python's registry can't be reached.
 *
 *     npm run bench:s3                 1 GB in 3 files, 5 rounds
 *     npm run bench:s3 -- --quick      a tenth of it, 3 rounds
 *     npm run bench:s3 -- --check      ends with 1 where a bound is broken
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freePort } from "../test/host/free-port.ts";
import { insideFolder, requireSpace } from "./download/workplace.ts";
import { type Figure, holds, median, seconds, table } from "./figure.ts";
import { benchRepo, cleanEnv, heros, withHub } from "./program.ts";

const { values } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    dir: { type: "string", default: tmpdir() },
  },
});
const totalBytes = values.quick ? 1e8 : 1e9;
const rounds = values.quick ? 3 : 5;
const sizes = { "model.safetensors": 0.7, "onnx/model.onnx": 0.25, "tokenizer.bin": 0.05 };
const files = Object.entries(sizes).flatMap(([path, share]) => [
  "--file",
  `${benchRepo}:${path}:${Math.round(totalBytes * share)}`,
]);
const version = "v1.8.0";
const place = "s3://models/bench";

const figures = await insideFolder(values.dir, "heros-bench-", async (folder) => {
  await requireSpace(folder, totalBytes * 4);
  return withStore(folder, (env) => withHub(files, (endpoint) => race(folder, env, endpoint)));
});
console.log(`\n${table(figures)}`);
if (values.check && !figures.every(holds)) process.exitCode = 1;

async function race(folder: string, env: NodeJS.ProcessEnv, hub: string): Promise<Figure[]> {
  const cache = join(folder, "cache");
  const run = (args: readonly string[]): number =>
    timed(process.execPath, [...heros, ...args, "--output", "json"], env);
  const pull = (endpoint: string): number =>
    run(["pull", benchRepo, "--cache-dir", cache, "--endpoint", endpoint]);
  pull(hub);
  run(["models", "push", place, benchRepo, "--cache-dir", cache, "--endpoint", hub]);
  const aws = installAws(folder);
  const commit = execFileSync("ls", [join(cache, "models--bench--model/snapshots")], {
    encoding: "utf8",
  }).trim();
  const copy = (program: string): number =>
    timed(
      program,
      ["s3", "cp", "--recursive", "--quiet", `${place}/${benchRepo}/${commit}/`, cache],
      env,
    );
  const racers: Record<string, () => number> = {
    bucket: () => pull(place),
    hub: () => pull(hub),
    ...(aws === null ? {} : { aws: () => copy(aws) }),
  };
  const took: Record<string, number[]> = {};
  for (let round = 1; round <= rounds; round += 1) {
    for (const [name, start] of Object.entries(racers)) {
      await rm(cache, { recursive: true, force: true });
      await rm(join(folder, ".local"), { recursive: true, force: true });
      const elapsedMs = start();
      took[name] = [...(took[name] ?? []), elapsedMs];
      console.log(`round ${round}, ${name}: ${seconds(elapsedMs)}`);
    }
  }
  const own = median(took["bucket"] ?? []);
  const beside = (name: string, other: number, bound: number): Figure => ({
    name,
    measured: seconds(own),
    compared: seconds(other),
    ratio: own / other,
    bound,
  });
  const { aws: ofAws } = took;
  return [
    beside("a bucket beside the Hub", median(took["hub"] ?? []), 1),
    ...(ofAws === undefined ? [] : [beside("a bucket beside aws s3 cp", median(ofAws), 1 / 1.25)]),
  ];
}

function timed(file: string, args: readonly string[], env: NodeJS.ProcessEnv): number {
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(file, [...args], { env, encoding: "utf8" });
  if (status === 0) return performance.now() - began;
  throw new Error(`${args.join(" ")} ended with ${status}\n${stdout.slice(-2000)}${stderr}`);
}

/** @returns the program; null where it can't be had */
function installAws(folder: string): string | null {
  const venv = join(folder, "venv");
  const pip = ["install", "-q", "--disable-pip-version-check", "awscli"];
  const made =
    spawnSync("python3", ["-m", "venv", venv]).status === 0 &&
    spawnSync(join(venv, "bin/pip"), pip).status === 0;
  if (!made) console.log("aws s3 cp is left out: it can't be installed here");
  return made ? join(venv, "bin/aws") : null;
}

/** A real S3 server while the work lasts. @param work is given what programs need to find it */
async function withStore<Result>(
  folder: string,
  work: (env: NodeJS.ProcessEnv) => Promise<Result>,
): Promise<Result> {
  const program = process.env["VERSITYGW"] ?? buildStore(folder);
  const data = join(folder, "data");
  await mkdir(join(data, "models"), { recursive: true });
  const port = await freePort();
  const keys = { ROOT_ACCESS_KEY: "bench", ROOT_SECRET_KEY: "bench-secret" };
  const server = spawn(
    program,
    ["--keep-alive", "--quiet", "--port", `127.0.0.1:${port}`, "posix", data],
    {
      env: { ...cleanEnv(folder), ...keys },
      stdio: "ignore",
    },
  );
  const ended = once(server, "exit");
  try {
    while (!(await answers(port))) await sleep(50);
    return await work({
      ...cleanEnv(folder),
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: keys.ROOT_ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: keys.ROOT_SECRET_KEY,
    });
  } finally {
    server.kill();
    await ended;
  }
}

function buildStore(folder: string): string {
  const name = `github.com/versity/versitygw/cmd/versitygw@${version}`;
  const env = { ...process.env, GOBIN: join(folder, "bin"), GOFLAGS: "-mod=mod" };
  execFileSync("go", ["install", name], { env, stdio: "inherit" });
  return join(folder, "bin/versitygw");
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
