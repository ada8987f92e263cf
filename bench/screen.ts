/**
 * What the live screen costs above plain lines, and how soon it answers. Needs the build.
 *
 *     node bench/screen.ts                            prints the table
 *     node bench/screen.ts --check [--slack 1.5]      and ends with 1 where a bound is not kept, or one that much wider
 */
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { checkOptions, type Figure, holds, measureWithin, table } from "./figure.ts";
import { measureFold } from "./figures/fold.ts";
import { measureKeys } from "./figures/keys.ts";
import { measureLiveScreen } from "./figures/live-screen.ts";

const { values } = parseArgs({ options: checkOptions });

async function measure(): Promise<Figure[]> {
  return [...(await measureLiveScreen()), await measureKeys(), measureFold()];
}

const figures = await measureWithin(values, measure);

console.log(`Node ${process.version} on ${availableParallelism()} × ${cpus()[0]?.model ?? "?"}\n`);
console.log(table(figures));
if (values.check && !figures.every(holds)) process.exitCode = 1;
