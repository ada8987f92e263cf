/** Compiles src into a fresh dist, which takes the place of the old one in one step: who runs heros meanwhile has the one or the other. */
import { spawnSync } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [dist, fresh, stale] = [
  join(root, "dist"),
  join(root, `dist-${process.pid}-new`),
  join(root, `dist-${process.pid}-old`),
];
const tsc = spawnSync(
  process.execPath,
  [
    join(root, "node_modules/typescript/bin/tsc"),
    "-p",
    join(root, "tsconfig.build.json"),
    "--outDir",
    fresh,
  ],
  { stdio: "inherit" },
);
if (existsSync(fresh)) {
  if (existsSync(dist)) renameSync(dist, stale);
  renameSync(fresh, dist);
  rmSync(stale, { recursive: true, force: true });
}
process.exitCode = tsc.status ?? 1;
