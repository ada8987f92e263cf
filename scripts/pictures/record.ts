// Records the run that the pictures show: npm run build && node scripts/pictures/record.ts
import { writeFile } from "node:fs/promises";
import { recordDemo } from "../../test/ui/record-demo.ts";

const recording = new URL("./setup-demo.jsonl", import.meta.url);
const lines = await recordDemo(["--tiers", "1,2,3"]);
// As long a name as most people's.
const text = lines.join("\n").replaceAll("/tmp/heros-demo/home", "/home/ada");
await writeFile(recording, `${text}\n`);
console.log(`scripts/pictures/setup-demo.jsonl: ${lines.length} events`);
