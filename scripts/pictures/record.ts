// Records the runs that the pictures show: npm run build && node scripts/pictures/record.ts
import { writeFile } from "node:fs/promises";
import { catalog } from "../../test/ui/canned-interview.ts";
import { recordDemo } from "../../test/ui/record-demo.ts";
import { inWorld, linesOf, recordSetup } from "../../test/ui/record-run.ts";

const demo = await recordDemo(["--tiers", "1,2,3"]);
// As long a name as most people's.
await keep(
  "setup-demo",
  demo.map((line) => line.replaceAll("/tmp/heros-demo/home", "/home/ada")),
);
await inWorld({ catalog, speed: 5 }, async (world) => {
  const request = { decided: [{ groups: ["1", "2", "3"] }] };
  await keep("setup", linesOf(world, await recordSetup(world, undefined, request)));
});
process.exit(0);

async function keep(name: string, lines: readonly string[]): Promise<void> {
  const text = lines
    .join("\n")
    // A Spark's disk, not the one of the machine that records.
    .replaceAll(/[\d.]+ GB free of [\d.]+ [GT]B/g, "3.12 TB free of 4.03 TB")
    .replaceAll(/"freeBytes":\d+/g, '"freeBytes":3120000000000');
  await writeFile(new URL(`./${name}.jsonl`, import.meta.url), `${text}\n`);
  console.log(`scripts/pictures/${name}.jsonl: ${lines.length} events`);
}
