/**
 * How long a bare machine takes until Annie is online, and until all is there: an image registry and a Hub behind one line, and a
 * real Docker engine that has nothing. Beside it the ways without heros, on the same line. Needs the build, root, and Debian 12
 * where something has to be installed.
 *
 *     npm run bench:first-boot                2.2 GB needed of 3.7, at 50 MB/s
 *     npm run bench:first-boot -- --quick     a tenth of it at 10 MB/s; the bounds leave more for what is not bytes
 *     npm run bench:first-boot -- --check     ends with 1 where a bound is broken
 *
 * --unpacked is how many times its compressed size an image is unpacked to. The bounds are for layers that barely compress, which Docker
 * unpacks faster than the line brings them; many images are unpacked to 2.2 times their size, and then two cores wait for Docker.
 * --only heros, inside or hand goes that way alone, and may be repeated; --dir is where everything is written while it runs;
 * --events keeps what heros says in a file.
 */
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { installPython } from "./download/peers.ts";
import { insideFolder, requireSpace } from "./download/workplace.ts";
import type { TimedEvent } from "../src/run/event.ts";
import { type Figure, holds, markdownTable, megabytes, seconds, table } from "./figure.ts";
import { withEngine } from "./first-boot/engine.ts";
import {
  byHandWay,
  herosWay,
  insideWay,
  measureWay,
  type Moments,
  type Way,
} from "./first-boot/ways.ts";
import { type Sizes, withWorld, type World } from "./first-boot/world.ts";

const { values } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: ["heros", "inside", "hand"] },
    dir: { type: "string", default: tmpdir() },
    unpacked: { type: "string", default: "1.1" },
    events: { type: "string" },
  },
});
const unpackedRatio = Number(values.unpacked);
const sizes: Sizes = values.quick
  ? { neededBytes: 0.22e9, laterBytes: 0.15e9, bytesPerSecond: 10e6, unpackedRatio }
  : { neededBytes: 2.2e9, laterBytes: 1.5e9, bytesPerSecond: 50e6, unpackedRatio };
const bounds = values.quick
  ? { online: 2, all: 2, inside: 1.1, hand: 1, timeLeft: 0.6 }
  : { online: 1.05, all: 1.05, inside: 1.5, hand: 1.2, timeLeft: 0.15 };
/** A time that is told is not taken more exactly than this. */
const negligibleSeconds = 1.5;
/** The registry's, Docker's compressed and unpacked, heros' own until Docker has it, and the models twice. */
const diskBytes = (sizes.neededBytes + sizes.laterBytes) * 6;

const figures = await insideFolder(values.dir, "heros-bench-", async (folder) => {
  await requireSpace(folder, diskBytes);
  const venv = values.only.includes("hand") ? installPython(join(folder, "venv")) : null;
  return withEngine(join(folder, "engine"), (engine) =>
    withWorld({ folder, engine, sizes }, (world) => race(world, venv)),
  );
});
console.log(`\n${table(figures)}`);
if (values.check && !figures.every(holds)) process.exitCode = 1;

async function race(world: World, venv: string | null): Promise<Figure[]> {
  const ways: Record<string, Way | null> = {
    heros: herosWay,
    inside: insideWay,
    hand: venv === null ? null : byHandWay(venv),
  };
  const measured = new Map<string, { readonly way: Way; readonly moments: Moments }>();
  const lines: string[] = [];
  for (const name of values.only) {
    const way = ways[name] ?? null;
    if (way === null) continue;
    const note = (line: string): unknown => (name === "heros" ? lines.push(line) : null);
    measured.set(name, { way, moments: await measureWay(world, way, note) });
  }
  if (values.events !== undefined) await writeFile(values.events, `${lines.join("\n")}\n`);
  say(world, [...measured.values()]);
  if (values.only.includes("hand") && venv === null) {
    console.log("\nLeft out: hf download. Python or its registry can't be reached.");
  }
  const [heros, inside, hand] = ["heros", "inside", "hand"].map(
    (name) => measured.get(name)?.moments,
  );
  if (heros === undefined) return [];
  const { neededBytes, allBytes } = world;
  return [
    onLine("until Annie is online", heros.onlineMs, { bytes: neededBytes, bound: bounds.online }),
    onLine("until all is there", heros.allMs, { bytes: allBytes, bound: bounds.all }),
    ...timeLeft(lines),
    ...beside("online, beside all models fetched in the container", heros.onlineMs, {
      otherMs: inside?.allMs,
      sooner: bounds.inside,
    }),
    ...beside("online, beside pull, hf download, up", heros.onlineMs, {
      otherMs: hand?.onlineMs,
      sooner: bounds.hand,
    }),
  ];
}

/** The time that the line alone takes is what is compared with. */
function onLine(
  name: string,
  ms: number,
  { bytes, bound }: { readonly bytes: number; readonly bound: number },
): Figure {
  const lineMs = (bytes / sizes.bytesPerSecond) * 1000;
  const compared = `${megabytes(bytes)} on the line: ${seconds(lineMs)}`;
  return { name, measured: seconds(ms), compared, ratio: ms / lineMs, bound };
}

function beside(
  name: string,
  ms: number,
  { otherMs, sooner }: { readonly otherMs: number | undefined; readonly sooner: number },
): Figure[] {
  if (otherMs === undefined) return [];
  const compared = `${seconds(otherMs)}: ${(otherMs / ms).toFixed(2)} × as long`;
  return [{ name, measured: seconds(ms), compared, ratio: ms / otherMs, bound: 1 / sooner }];
}

/** The time left to online that was told, from a fifth of the way on, held against when she was. */
function timeLeft(lines: readonly string[]): Figure[] {
  const told = lines
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as TimedEvent);
  const online = told.find((event) => event.type === "annie.online");
  if (online?.type !== "annie.online") return [];
  let worst = { error: 0, seconds: 0, truth: 0 };
  for (const event of told) {
    if (event.type !== "download.progress" || event.at < online.elapsedMs / 5) continue;
    const truth = (online.elapsedMs - event.at) / 1000;
    if (truth <= 0 || typeof event.onlineEtaSeconds !== "number") continue;
    const off = Math.abs(event.onlineEtaSeconds - truth) - negligibleSeconds;
    if (off / truth > worst.error)
      worst = { error: off / truth, seconds: event.onlineEtaSeconds, truth };
  }
  return [
    {
      name: "time left to online, wrong at most",
      measured: `${worst.seconds.toFixed(1)} s`,
      compared: `it was ${worst.truth.toFixed(1)} s`,
      ratio: worst.error,
      bound: bounds.timeLeft,
    },
  ];
}

function say(
  { neededBytes, allBytes }: World,
  measured: readonly { readonly way: Way; readonly moments: Moments }[],
): void {
  const speed = `${sizes.bytesPerSecond / 1e6} MB/s`;
  console.log(`\n${megabytes(neededBytes)} needed of ${megabytes(allBytes)}, at ${speed}\n`);
  console.log(
    markdownTable([
      ["way", "online", "everything", "over the line"],
      ...measured.map(({ way, moments }) => [
        way.name,
        seconds(moments.onlineMs),
        seconds(moments.allMs),
        megabytes(moments.bytes),
      ]),
    ]),
  );
}
