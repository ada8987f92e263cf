/**
 * Shows that the tests hold on a busy machine: runs them beside four busy loops on each core, several times in a row.
 *
 *     npm run build && node scripts/load-run.ts [--times 3] [--loops 4] [test files…]
 *
 * Ends with 1 where a test failed in any of the runs, and names it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs, stripVTControlCharacters } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    times: { type: "string", default: "3" },
    /** On each core. */
    loops: { type: "string", default: "4" },
  },
});

const loops = Array.from({ length: availableParallelism() * Number(values.loops) }, () =>
  spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }),
);
process.on("exit", () => {
  for (const loop of loops) loop.kill("SIGKILL");
});
process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(143));

let failedRuns = 0;
for (let run = 1; run <= Number(values.times); run++) {
  const startedMs = performance.now();
  const { status, output } = await runTests(positionals);
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  const load = loadavg()[0]?.toFixed(1) ?? "?";
  const result = status === 0 ? "all passed" : "FAILED";
  console.log(
    `run ${run} of ${values.times}, ${loops.length} busy loops: ${result} after ${seconds} s, load ${load}`,
  );
  if (status === 0) continue;
  failedRuns += 1;
  const reasons = output.split("\n").filter((line) => /^\s*FAIL |Error: /.test(line));
  console.log([...new Set(reasons)].slice(0, 40).join("\n"));
}
process.exit(failedRuns === 0 ? 0 : 1);

async function runTests(files: readonly string[]): Promise<{ status: number; output: string }> {
  const child = spawn("node_modules/.bin/vitest", ["run", ...files], {
    cwd: root,
    env: { ...process.env, CI: "true" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const [status] = (await once(child, "close")) as [number | null];
  return { status: status ?? 1, output: stripVTControlCharacters(output) };
}
