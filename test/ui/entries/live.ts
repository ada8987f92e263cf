// Plays a recorded run on the terminal that it was started in, every twelfth event a frame; waits for SIGUSR2 or Ctrl-C where it is told to.
import { once } from "node:events";
import { onSuspendAsked, suspendProcess } from "../../../src/cli/run-lifecycle.ts";
import { createInkWriter } from "../../../src/ui/ink/writer.tsx";
import { recording } from "../recordings.ts";

const pauseAt = Number(process.env["PAUSE_AT"] ?? "-1");
const stop = Promise.withResolvers<"interrupted">();
const hasFeatures = process.env["FEATURES"] === "1";
const before = process.env["BEFORE"];
if (before !== undefined) process.stdout.write(`${before}\n`);
let at = 0;
const writer = await createInkWriter(
  {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    color: true,
    unicode: true,
    features: { title: hasFeatures, progress: hasFeatures, links: hasFeatures },
    verbosity: "normal",
    interrupt: () => stop.resolve("interrupted"),
    suspend: suspendProcess,
    onSuspendAsked,
  },
  { now: () => at, frameMs: 0 },
);
for (const [index, event] of recording(process.env["RECORDING"] ?? "").entries()) {
  at = event.at;
  writer.write(event);
  if (index % 12 === 0 || index === pauseAt) await writer.drawn();
  if (index !== pauseAt) continue;
  if (process.env["CRASH"] === "1") setImmediate(crash);
  if ((await Promise.race([stop.promise, once(process, "SIGUSR2")])) !== "interrupted") continue;
  writer.write({ v: 1, at, type: "run.cancelled", exitCode: 130, hint: "Run heros setup again." });
  process.exitCode = 130;
  break;
}
await writer.close();

function crash(): never {
  throw new Error("a mistake of the program");
}
