import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ownFiles } from "../repo/own-files.ts";
import { makeReleaseFolder, releaseArgs } from "./release-folder.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await makeReleaseFolder();
});
afterAll(() => rm(folder, { recursive: true }));

/** Sets the clock of a Node, and of all that it starts, to another time. */
const otherTime = `
const now = Date.now;
const shift = Date.UTC(2031, 4, 6, 23, 59) - now();
Date.now = () => now() + shift;
globalThis.Date = new Proxy(Date, {
  construct: (target, args) => new target(...(args.length === 0 ? [Date.now()] : args)),
});
`;

it("makes the same bytes of two checkouts in other folders, at other times, under another umask", async () => {
  // In here, so that packages can be linked and git knows the commit.
  await mkdir(path.join(root, ".tmp"), { recursive: true });
  const checkouts = await mkdtemp(path.join(root, ".tmp/checkouts-"));
  try {
    const [short, long] = [path.join(checkouts, "a"), path.join(checkouts, "some/where/deep er")];
    for (const checkout of [short, long]) {
      for (const file of await ownFiles()) {
        await cp(path.join(root, file), path.join(checkout, file));
      }
      await run("cp", ["-al", path.join(root, "node_modules"), checkout]);
    }
    await run("find", [
      long,
      "-path",
      "*/node_modules",
      "-prune",
      "-o",
      "-exec",
      "touch",
      "-h",
      "-d",
      "2001-02-03",
      "{}",
      "+",
    ]);
    const clock = path.join(checkouts, "clock.mjs");
    await writeFile(clock, otherTime);
    const build = async (
      checkout: string,
      umask: string,
      env: Readonly<Record<string, string>>,
    ) => {
      const script = path.join(checkout, "scripts/release/release.ts");
      const out = path.join(checkout, "release");
      const line = ["-c", `umask ${umask}; exec "$@"`, "sh", process.execPath, script, "--quick"];
      const all = { ...process.env, ...env };
      await run("sh", [...line, ...releaseArgs(folder), out], { env: all, cwd: checkout });
      return readFile(path.join(out, "SHA256SUMS"), "utf8");
    };
    const one = await build(short, "022", { TZ: "Pacific/Kiritimati", LC_ALL: "C" });
    const preload = `--import=${pathToFileURL(clock).href}`;
    const other = { TZ: "America/Los_Angeles", LC_ALL: "C.UTF-8", NODE_OPTIONS: preload };
    expect(await build(long, "077", other)).toBe(one);
  } finally {
    await rm(checkouts, { recursive: true });
  }
});
