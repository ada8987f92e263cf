/**
 * How quickly a release is installed, and how quickly what is installed starts: a release made by scripts/release for this
 * machine, a server of releases on loopback, an empty home, and neither Node nor npm on the PATH. Needs the build.
 *
 *     npm run bench:install                       prints the table
 *     npm run bench:install -- --check            and ends with 1 where a bound is broken, by more than --slack 1.5 allows
 *     npm run bench:install -- --check --quick    packs this very Node in seconds, where a release takes minutes
 */
import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { availableParallelism, cpus } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { keys, openPty } from "../test/terminal/pty.ts";
import {
  checkOptions,
  type Figure,
  holds,
  measureWithin,
  median,
  milliseconds,
  table,
} from "./figure.ts";
import { cleanEnv, inFolder } from "./program.ts";

const { values } = parseArgs({
  options: {
    ...checkOptions,
    quick: { type: "boolean", default: false },
  },
});
const root = fileURLToPath(new URL("..", import.meta.url));
const platform = `linux-${process.arch === "arm64" ? "arm64" : "x64"}`;

const withoutNode = ["node", "nodejs", "npm", "npx", "corepack"];
/** Of the wizard. */
const firstWords = "What do you want to set up?";
/** What Node takes to do nothing on two cores that have nothing else to do. Where it takes longer, so may the rest. */
const quietNodeMs = 30;

/** Where a release is installed again and again. */
interface Workplace {
  /** The server's. */
  readonly base: string;
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where `curl` and `tar` note what each call took. */
  readonly calls: string;
}

await inFolder(async (folder) => {
  const served = join(folder, "served");
  const server = createServer((request, response) => {
    const file = createReadStream(join(served, basename(request.url ?? "")));
    file.on("error", () => response.writeHead(404).end());
    file.pipe(response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await makeRelease(folder, { served, base });
    const place = await prepare(folder, base);
    const figures: Figure[] = [];
    for (const measure of [measureInstall, measureVersion, measureFirstFrame, measureUpgrade])
      figures.push(...(await measureWithin(values, async () => [await measure(place)])));
    console.log(`${availableParallelism()} × ${cpus()[0]?.model ?? "?"}, ${platform}\n`);
    console.log(table(figures));
    if (values.check && !figures.every(holds)) process.exitCode = 1;
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

async function makeRelease(
  folder: string,
  { served, base }: { readonly served: string; readonly base: string },
): Promise<void> {
  const signers = ["current", "next"].map((name) => join(folder, name));
  for (const key of signers)
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const [key = "", next = ""] = signers;
  const args = ["--built", "--platform", platform, "--out", served, "--base-url", base];
  args.push("--key", key, "--next-key", `${next}.pub`);
  if (values.quick) args.push("--quick", "--node-file", process.execPath);
  await promisify(execFile)(process.execPath, [join(root, "scripts/release/release.ts"), ...args]);
}

/** The machine's own tools but for Node and npm; what downloads and what unpacks note how long that took. */
async function prepare(folder: string, base: string): Promise<Workplace> {
  const [bin, home, calls] = [join(folder, "bin"), join(folder, "home"), join(folder, "calls")];
  await mkdir(bin);
  for (const from of ["/usr/bin", "/bin"]) {
    for (const tool of await readdir(from)) {
      if (withoutNode.includes(tool)) continue;
      await symlink(join(from, tool), join(bin, tool)).catch(() => {});
    }
  }
  for (const tool of ["curl", "tar"]) {
    const program = execFileSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).trim();
    const text = `#!/bin/sh
began=$(date +%s%N)
${program} "$@"
status=$?
echo "$(($(date +%s%N) - began)) ${tool} $*" >>'${calls}'
exit $status
`;
    await rm(join(bin, tool), { force: true });
    await writeFile(join(bin, tool), text, { mode: 0o755 });
  }
  return { base, home, calls, env: { ...cleanEnv(home), PATH: bin } };
}

/** From the start of curl to the wizard, without what the network and xz take. */
async function measureInstall(place: Workplace): Promise<Figure> {
  const [installs, starts]: [InstallTimes[], number[]] = [[], []];
  for (let round = 0; round < 3; round++) {
    installs.push(await timeInstall(place));
    for (let start = 0; start < 10; start++) starts.push(await timeToEnd(nothing(place)));
  }
  const middle = (pick: (times: InstallTimes) => number): number => median(installs.map(pick));
  const apart = [
    `download ${milliseconds(middle(({ downloadMs }) => downloadMs))}`,
    `unpacking ${milliseconds(middle(({ unpackMs }) => unpackMs))}`,
  ].join(", ");
  const ms = middle(({ allMs, downloadMs, unpackMs }) => allMs - downloadMs - unpackMs);
  return within(`from curl to the first frame, besides ${apart}`, { ms, starts, limitMs: 2500 });
}

async function measureVersion(place: Workplace): Promise<Figure> {
  const { times, starts } = await inTurn(place, 41, () => timeToEnd(heros(place, "--version")));
  return {
    name: "heros --version",
    measured: milliseconds(median(times)),
    compared: `node -e 0: ${milliseconds(median(starts))}`,
    ratio: median(times) / median(starts),
    bound: 1.3,
  };
}

async function measureFirstFrame(place: Workplace): Promise<Figure> {
  const { times, starts } = await inTurn(place, 11, () => timeFirstFrame(heros(place, "setup")));
  const ms = median(times) - median(starts);
  return within("first frame of the wizard, once Node is up", { ms, starts, limitMs: 200 });
}

async function measureUpgrade(place: Workplace): Promise<Figure> {
  const { times, starts } = await inTurn(place, 11, () => timeToEnd(heros(place, "upgrade")));
  return within("heros upgrade, nothing to do", { ms: median(times), starts, limitMs: 300 });
}

/** Some starts of Node that does nothing before each: how quick the machine is, and how busy. */
async function inTurn(
  place: Workplace,
  rounds: number,
  time: () => Promise<number>,
): Promise<{ readonly times: readonly number[]; readonly starts: readonly number[] }> {
  const [times, starts]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    starts.push(await timeToEnd(nothing(place)), await timeToEnd(nothing(place)));
    times.push(await time());
  }
  return { times, starts };
}

/** A limit for a quiet machine; longer by as much as Node takes longer to start here and now, on average. */
function within(
  name: string,
  { ms, starts, limitMs }: { ms: number; starts: readonly number[]; limitMs: number },
): Figure {
  const nodeMs = starts.reduce((sum, start) => sum + start, 0) / starts.length;
  const limit = limitMs * Math.max(1, nodeMs / quietNodeMs);
  const compared = `${milliseconds(limit)}; node -e 0: ${milliseconds(nodeMs)}`;
  return { name, measured: milliseconds(ms), compared, ratio: ms / limit, bound: 1 };
}

function heros({ home, env }: Workplace, ...args: string[]): Started {
  return { command: join(home, ".local/bin/heros"), args, env };
}

/** The Node that heros runs on. */
function nothing({ home, env }: Workplace): Started {
  const command = join(home, ".local/share/heros/current/runtime/node");
  return { command, args: ["-e", "0"], env };
}

interface InstallTimes {
  readonly allMs: number;
  readonly downloadMs: number;
  readonly unpackMs: number;
}

/** What a person waits after `curl … | sh`, in an empty home. */
async function timeInstall({ base, home, env, calls }: Workplace): Promise<InstallTimes> {
  await rm(home, { recursive: true, force: true });
  await mkdir(home);
  await writeFile(calls, "");
  const line = `curl -fsSL ${base}/latest/download/install.sh | sh`;
  const allMs = await timeFirstFrame({ command: "/bin/sh", args: ["-c", line], env });
  const took = (await readFile(calls, "utf8")).trim().split("\n");
  const msOf = (call: RegExp): number => {
    const [own, ...others] = took.filter((each) => call.test(each));
    if (own === undefined || others.length > 0) throw new Error(`${call} in\n${took.join("\n")}`);
    return Number.parseInt(own, 10) / 1e6;
  };
  return { allMs, downloadMs: msOf(/ curl .*\.tar\.xz$/u), unpackMs: msOf(/ tar -xf /u) };
}

interface Started {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Until the wizard's first words are on the screen of a terminal. */
async function timeFirstFrame({ command, args, env }: Started): Promise<number> {
  const began = performance.now();
  const terminal = openPty({ command, args, env });
  try {
    await terminal.waitFor(firstWords);
    const elapsedMs = performance.now() - began;
    terminal.type(keys.ctrlC);
    await terminal.exit;
    return elapsedMs;
  } finally {
    terminal.close();
  }
}

/** @throws Error where it does not end with 0 */
async function timeToEnd({ command, args, env }: Started): Promise<number> {
  const began = performance.now();
  await promisify(execFile)(command, [...args], { env });
  return performance.now() - began;
}
