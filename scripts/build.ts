/** Bundles src into a fresh dist, with the man page and the completion scripts, which takes the place of the old one in one step: who runs heros meanwhile has the one or the other. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { completionScript } from "../src/cli/completion.ts";
import { sharedFiles } from "../src/release/shared-files.ts";
import { bundle } from "./bundle.ts";
import { manualPage } from "./manual.ts";
import { writeContents } from "./release/contents.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const [dist, fresh, stale] = [
  join(root, "dist"),
  join(root, `dist-${process.pid}-new`),
  join(root, `dist-${process.pid}-old`),
];

/** The program, and what it starts in threads and processes of their own. Names as their starters look for them. */
const entries = {
  "cli/main": "src/cli/main.ts",
  "cli/warm-compile-cache": "src/cli/warm-compile-cache.ts",
  "cli/hash-worker": "src/store/hash-worker.ts",
  "cli/remote-files": "src/host/remote-files/serve.ts",
  "annie/main": "src/demo/annie/main.ts",
};

/** What most runs load anyway is one file, and the screen another: a file costs half a millisecond of its own. */
const together = {
  heros: ["src/cli/main.ts", "src/commands/pull.ts", "src/ui/plain/writer.ts"],
  screen: ["src/ui/ink/writer.tsx", "src/ui/ink/app.tsx", "src/ui/ink/frame.tsx"],
};

const places = await bundle({ root, entries, together, folder: fresh });
writeContents({ root, dist: fresh, places });
const shared = {
  manual: manualPage({ version: ownVersion(), date: sourceDate() }),
  bash: await completionScript("bash"),
  zsh: await completionScript("zsh"),
  fish: await completionScript("fish"),
} satisfies Readonly<Record<keyof typeof sharedFiles, string>>;
for (const name of Object.keys(sharedFiles) as (keyof typeof sharedFiles)[]) {
  const file = join(fresh, "share", sharedFiles[name]);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, shared[name]);
}
if (existsSync(dist)) renameSync(dist, stale);
renameSync(fresh, dist);
rmSync(stale, { recursive: true, force: true });

function ownVersion(): string {
  const text = readFileSync(join(root, "package.json"), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** As https://reproducible-builds.org/specs/source-date-epoch/ has it; without, today. */
function sourceDate(): string {
  const { SOURCE_DATE_EPOCH: seconds } = process.env;
  const date = seconds === undefined ? new Date() : new Date(Number(seconds) * 1000);
  return date.toISOString().slice(0, 10);
}
