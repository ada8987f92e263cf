/**
 * How quick heros feels, beside what it is compared with. Needs the build.
 *
 *     npm run bench                            prints the table
 *     npm run bench -- --check [--slack 1.5]   and ends with 1 where a bound is not kept, or one that much wider
 */
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { checkOptions, type Figure, holds, measureWithin, table } from "./figure.ts";
import { measureCachedPull } from "./figures/cached-pull.ts";
import { measureFirstFrame } from "./figures/first-frame.ts";
import { measureVersion } from "./figures/version.ts";

const { values } = parseArgs({ options: checkOptions });

const figures: Figure[] = [];
for (const measure of [measureVersion, measureFirstFrame, measureCachedPull])
  figures.push(...(await measureWithin(values, async () => [await measure()])));

console.log(`Node ${process.version} on ${availableParallelism()} × ${cpus()[0]?.model ?? "?"}\n`);
console.log(table(figures));
if (values.check && !figures.every(holds)) process.exitCode = 1;
