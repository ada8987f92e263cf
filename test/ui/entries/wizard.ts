// Runs the wizard on the terminal that it was started in, as the command line does, and prints what it came to.
import { stackChosen } from "../../../src/catalog/capabilities.ts";
import { createAccessibleWriter } from "../../../src/ui/accessible/writer.ts";
import { createInkWriter } from "../../../src/ui/ink/writer.tsx";
import type { Terminal } from "../../../src/ui/writer.ts";
import { cannedInterview } from "../canned-interview.ts";
import { herOs } from "../../her-os.ts";

const stop = new AbortController();
const terminal: Terminal = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  color: process.env["NO_COLOR"] === undefined,
  unicode: process.env["ASCII"] === undefined,
  verbosity: "normal",
  interrupt: () => stop.abort(),
};
const accessible = process.env["ACCESSIBLE"] !== undefined;
const writer = accessible ? createAccessibleWriter(terminal) : await createInkWriter(terminal);
const { EARLIER } = process.env;
const earlier = EARLIER === "interrupted" || EARLIER === "finished" ? EARLIER : "none";
const otherMachine = process.env["OTHER_MACHINE"] !== undefined;
const canned = cannedInterview({ earlier });
const interview = otherMachine
  ? { ...canned, machine: { ...canned.machine, spark: false, product: null, arch: "x86_64" } }
  : canned;
const demo = process.env["DEMO"] !== undefined;
const stages = ["machine", "plan", "stack", "download", "annie"] as const;
writer.write({
  v: 1,
  at: 0,
  type: "run.started",
  command: "setup",
  herosVersion: "0.1.0",
  demo,
  stages,
});
writer.write({ v: 1, at: 0, ...stackChosen(herOs) });
writer.write({ v: 1, at: 1, type: "stage.started", stage: "plan" });
let outcome = "";
try {
  const answers = await writer.ask?.(interview, stop.signal);
  outcome =
    answers === null || answers === undefined ? "stopped" : `answers ${JSON.stringify(answers)}`;
} catch (error) {
  outcome = error instanceof Error ? error.name : "unknown";
  process.exitCode = 130;
}
await writer.close();
process.stdout.write(`${outcome}\nremembered ${canned.remembered.length}\n`);
