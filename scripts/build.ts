/** Bundles src into a fresh dist, which takes the place of the old one in one step: who runs heros meanwhile has the one or the other. */
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const [dist, fresh, stale] = [
  join(root, "dist"),
  join(root, `dist-${process.pid}-new`),
  join(root, `dist-${process.pid}-old`),
];

/** The program, and what it starts in threads and processes of their own. Names as their starters look for them. */
const entries = {
  "cli/main": "src/cli/main.ts",
  "cli/warm": "src/cli/warm.ts",
  "cli/hash-worker": "src/store/hash-worker.ts",
  "annie/main": "src/demo/annie/main.ts",
};

/** What most runs load anyway is one file, and the screen another: a file costs half a millisecond of its own. */
const together = {
  heros: ["src/cli/main.ts", "src/commands/pull.ts", "src/ui/plain/writer.ts"],
  screen: ["src/ui/ink/writer.tsx", "src/ui/ink/app.tsx", "src/ui/ink/frame.tsx"],
};

await bundle({ root, entries, together, folder: fresh });
if (existsSync(dist)) renameSync(dist, stale);
renameSync(fresh, dist);
rmSync(stale, { recursive: true, force: true });
