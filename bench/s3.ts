/**
 * What a model out of a bucket takes: `heros pull` beside the same from a Hub, both sent by the same nginx out of files, so that
 * nothing but their protocols differs; and beside `aws s3 cp`, which verifies nothing, both from a real S3 server. Needs the
 * build, Debian's nginx (installed where this is root), and Go for versitygw unless VERSITYGW names one; the AWS tools are left
 * out where Python's registry can't be reached, unless AWS names one.
 *
 *     npm run bench:s3                 1 GB in 3 files, 9 rounds
 *     npm run bench:s3 -- --quick      a tenth of it, 3 rounds
 *     npm run bench:s3 -- --check      ends with 1 where a bound is broken
 */
import { spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort } from "../test/host/free-port.ts";
import { hostFiles } from "./download/hosted-files.ts";
import { installPrograms } from "./download/peers.ts";
import { type Command, type Cost, measure, runToEnd } from "./download/run-to-end.ts";
import { type Server, withServer } from "./download/server.ts";
import { insideFolder, requireSpace } from "./download/workplace.ts";
import { type Figure, holds, markdownTable, median, seconds, table } from "./figure.ts";
import { nginxHead, nginxTempPaths, withNginx } from "./nginx.ts";
import { benchRepo, cleanEnv, heros } from "./program.ts";
import { type Store, storeEnv, withStore } from "./versitygw.ts";

const { values } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    dir: { type: "string", default: tmpdir() },
  },
});
const totalBytes = values.quick ? 1e8 : 1e9;
const rounds = Number(values.rounds ?? (values.quick ? 3 : 9));
const shares = { "model.safetensors": 0.7, "onnx/model.onnx": 0.25, "tokenizer.bin": 0.05 };
const files = Object.entries(shares).map(([path, share]) => ({
  path,
  sizeBytes: Math.round(totalBytes * share),
}));
const bucket = "models";
const place = `s3://${bucket}/bench`;

/** Who, from which server. */
const names = {
  bucket: "a bucket, nginx",
  hub: "the Hub, nginx",
  real: "a bucket, versitygw",
  aws: "aws s3 cp, versitygw",
};

const figures = await insideFolder(values.dir, "heros-bench-", async (folder) => {
  await requireSpace(folder, totalBytes * 5);
  installPrograms();
  const host = (served: string) => hostFiles(served, [{ id: benchRepo, files }]);
  return withServer({ dir: folder, host }, (hub) =>
    withStore(folder, bucket, async (store) => {
      await fill(folder, hub, store.endpoint);
      return withFiles(folder, store.data, (plain) => race(folder, racersOf(hub, store, plain)));
    }),
  );
});
console.log(`\n${table(figures)}`);
if (values.check && !figures.every(holds)) process.exitCode = 1;

/** Brings the Hub's model into the bucket, as people do. */
async function fill(folder: string, hub: Server, endpoint: string): Promise<void> {
  await insideFolder(folder, "fill-", async (own) => {
    const [cache, log] = [join(own, "cache"), join(own, "log.txt")];
    await measure(
      herosWith(["pull", pinned(hub), "--endpoint", hub.endpoint], cache, cleanEnv(own)),
      log,
    );
    const push = ["models", "push", place, pinned(hub), "--endpoint", hub.endpoint];
    await measure(herosWith(push, cache, storeEnv(own, endpoint)), log);
  });
}

/** nginx with a store's files under their keys, as the Hub's are served: it takes every signature. */
async function withFiles<Result>(
  folder: string,
  data: string,
  work: (endpoint: string) => Promise<Result>,
): Promise<Result> {
  const own = join(folder, "nginx");
  await mkdir(own);
  const port = await freePort();
  const config = `${nginxHead(own)}
http {
${nginxTempPaths(own)}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  default_type application/octet-stream;
  server { listen 127.0.0.1:${port}; root ${data}; }
}
`;
  return withNginx({ folder: own, config, ports: [port] }, () => work(`http://127.0.0.1:${port}`));
}

interface Racer {
  readonly name: string;
  command(folder: string): Command;
}

function racersOf(hub: Server, store: Store, plain: string): (folder: string) => Racer[] {
  return (folder) => {
    const aws = process.env["AWS"] ?? installAws(folder);
    const commit = hub.files[0]?.commit ?? "";
    const cache = (own: string): string => join(own, "cache");
    const fromBucket = (endpoint: string) => (own: string) =>
      herosWith(["pull", place], cache(own), storeEnv(own, endpoint));
    const fromHub = (own: string) =>
      herosWith(["pull", pinned(hub), "--endpoint", hub.endpoint], cache(own), cleanEnv(own));
    const copied = ["s3", "cp", "--recursive", "--quiet", `${place}/${benchRepo}/${commit}/`];
    const copy = (file: string) => (own: string) => ({
      file,
      args: [...copied, cache(own)],
      env: storeEnv(own, store.endpoint),
    });
    return [
      { name: names.bucket, command: fromBucket(plain) },
      { name: names.hub, command: fromHub },
      { name: names.real, command: fromBucket(store.endpoint) },
      ...(aws === null ? [] : [{ name: names.aws, command: copy(aws) }]),
    ];
  };
}

async function race(folder: string, racersIn: (folder: string) => Racer[]): Promise<Figure[]> {
  const racers = racersIn(folder);
  const took = new Map(racers.map(({ name }) => [name, [] as Cost[]]));
  for (let round = 1; round <= rounds; round += 1) {
    // To and fro, so that nobody always comes after the same.
    const order = round % 2 === 0 ? racers.toReversed() : racers;
    for (const { name, command } of order) {
      await insideFolder(folder, "run-", async (own) => {
        await runToEnd("sync", []);
        const cost = await measure(command(own), join(own, "log.txt"));
        took.get(name)?.push(cost);
        console.log(`round ${round}, ${name}: ${seconds(cost.wallMs)}`);
      });
    }
  }
  const middle = (name: string, of: (cost: Cost) => number): number =>
    median((took.get(name) ?? []).map(of));
  const wall = (name: string): number => middle(name, ({ wallMs }) => wallMs);
  console.log(
    `\n${markdownTable([
      ["who, from which server", "median", "fastest", "CPU"],
      ...[...took].map(([name, costs]) => [
        name,
        seconds(wall(name)),
        seconds(Math.min(...costs.map(({ wallMs }) => wallMs))),
        seconds(middle(name, ({ cpuMs }) => cpuMs)),
      ]),
    ])}`,
  );
  const beside = (what: string, own: string, other: string, bound: number): Figure => ({
    name: what,
    measured: seconds(wall(own)),
    compared: `${seconds(wall(other))}, ${(wall(other) / wall(own)).toFixed(2)} × as long`,
    ratio: wall(own) / wall(other),
    bound,
  });
  return [
    beside("a bucket beside the Hub", names.bucket, names.hub, 1),
    ...(took.has(names.aws)
      ? [beside("a bucket beside aws s3 cp", names.real, names.aws, 1 / 1.25)]
      : []),
  ];
}

/** nginx knows the commit alone. */
function pinned({ files: [file] }: Server): string {
  return `${benchRepo}@${file?.commit}`;
}

function herosWith(args: readonly string[], cache: string, env: NodeJS.ProcessEnv): Command {
  const all = [...heros, ...args, "--cache-dir", cache, "--output", "json"];
  return { file: process.execPath, args: all, env };
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
