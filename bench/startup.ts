/**
 * How quick heros feels, beside what it is compared with. Needs the build.
 *
 *     npm run bench              prints the table
 *     npm run bench -- --check   and ends with 1 where a bound is not kept
 */
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { holds, table, type Figure } from "./figure.ts";
import { measureCachedPull } from "./figures/cached-pull.ts";
import { measureFirstFrame } from "./figures/first-frame.ts";
import { measureVersion } from "./figures/version.ts";

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });

const figures: Figure[] = [];
for (const measure of [measureVersion, measureFirstFrame, measureCachedPull]) {
  let figure = await measure();
  // A machine that does something else for a moment is no fault of heros.
  for (let again = 0; values.check && !holds(figure) && again < 2; again++)
    figure = await measure();
  figures.push(figure);
}

console.log(`Node ${process.version} on ${availableParallelism()} × ${cpus()[0]?.model ?? "?"}\n`);
console.log(table(figures));
if (values.check && !figures.every(holds)) process.exitCode = 1;
