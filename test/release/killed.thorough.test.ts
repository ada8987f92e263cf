import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { startReleaseServer } from "./release-server.ts";
import { ReleaseWorld } from "./release-world.ts";

/** In [0, 1), the same for the same seed: mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Stands for Node. It answers --version itself, but only where each file of its version is there, whole, and it proves nothing else. */
const runtime = `
case $* in
  *--version) cd -- "$(dirname -- "$0")/.." && sha256sum --quiet --check sums && cat version ;;
  *"doctor --json") echo '{"v":1,"type":"run.started"}' ;;
  *warm.js) ;;
  *) exec '${process.execPath}' "$@" ;;
esac
`;

const versions = ["1.0.0", "1.0.1", "1.0.2", "1.0.3"];
const kinds = ["installation", "upgrade", "roll-back"] as const;
type Kind = (typeof kinds)[number];
const killsOfEach = 17;

let world: ReleaseWorld;
beforeEach(async () => {
  world = await ReleaseWorld.make();
});
afterEach(() => world.remove());

/** What was started in this home, however long ago and by whomever. */
async function killWhatRuns(home: string): Promise<void> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/u.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    if (!environment.split("\0").includes(`HOME=${home}`)) continue;
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has just ended.
    }
  }
}

/** Serves all versions. @returns the installer of these releases */
async function publishAll(): Promise<string> {
  const server = await startReleaseServer(world);
  onTestFinished(() => server.close());
  for (const version of versions) {
    await server.publish(version, [`download/v${version}`], {
      runtime,
      files: { version: `${version}\n` },
      async pack(tree) {
        const listed = execFileSync("find", [".", "-type", "f", "-exec", "sha256sum", "{}", "+"], {
          cwd: tree,
        });
        await writeFile(join(tree, "sums"), listed);
        return ["-C", dirname(tree), basename(tree)];
      },
    });
  }
  const script = await readFile(new URL("../../install.sh", import.meta.url), "utf8");
  const file = join(world.root, "install.sh");
  const keys = server.files["release-keys"] ?? "";
  const stamped = script
    .replace("release_keys=''", () => `release_keys='${keys.trim()}'`)
    .replace("release_base=''", () => `release_base='${server.base}'`);
  await writeFile(file, stamped);
  return file;
}

test("kill -9 at fifty moments of installations, upgrades and roll-backs leaves a heros that answers", async () => {
  const seed = Number(process.env["HEROS_SEED"] ?? Date.now() % 1_000_000);
  const random = seeded(seed);
  const installer = await publishAll();
  /** In a process group of its own. */
  const start = (kind: Kind, version: string) => {
    const [file, ...args] =
      kind === "installation"
        ? ["sh", installer, "--no-setup"]
        : [
            world.launcher,
            "upgrade",
            ...(kind === "upgrade" ? ["--version", version] : ["--rollback"]),
          ];
    const env = { HOME: world.home, PATH: "/usr/local/bin:/usr/bin:/bin", HEROS_VERSION: version };
    const child = spawn(file ?? "", args, {
      cwd: world.root,
      env,
      detached: true,
      stdio: "ignore",
    });
    return { child, ended: once(child, "exit") };
  };
  const other = async (): Promise<string> => {
    const linked = await Promise.all([world.link("current"), world.link("previous")]);
    const free = versions.filter((version) => !linked.includes(`versions/${version}`));
    return free[Math.floor(random() * free.length)] ?? "";
  };
  onTestFinished(() => killWhatRuns(world.home));

  // How long each takes where nobody kills it.
  const began = performance.now();
  const tookMs: Record<Kind, number> = { installation: 0, upgrade: 0, "roll-back": 0 };
  for (const kind of ["installation", ...kinds] as const) {
    const startedMs = performance.now();
    const { child, ended } = start(kind, await other());
    await ended;
    expect({ kind, status: child.exitCode }).toEqual({ kind, status: 0 });
    tookMs[kind] = performance.now() - startedMs;
  }

  const killed: Record<Kind, number> = { installation: 0, upgrade: 0, "roll-back": 0 };
  const ended: Record<Kind, number> = { installation: 0, upgrade: 0, "roll-back": 0 };
  for (let round = 0; kinds.some((kind) => killed[kind] < killsOfEach); round += 1) {
    const kind = kinds[round % kinds.length] ?? "upgrade";
    if (killed[kind] >= killsOfEach) continue;
    const run = start(kind, await other());
    const startedMs = performance.now();
    const { pid = 0 } = run.child;
    // With all that it has started, or alone: then that goes on.
    const everything = random() < 0.5;
    const timer = setTimeout(() => {
      // Its number may be another's once it has ended.
      if (run.child.exitCode !== null) return;
      if (everything) process.kill(-pid, "SIGKILL");
      else run.child.kill("SIGKILL");
    }, random() * tookMs[kind]);
    await run.ended;
    clearTimeout(timer);
    if (run.child.signalCode === "SIGKILL") {
      killed[kind] += 1;
    } else {
      ended[kind] += 1;
      tookMs[kind] = performance.now() - startedMs;
    }
    const { status, stdout, stderr } = await world.heros("--version");
    expect({ seed, round, kind, status, stderr }).toEqual({
      seed,
      round,
      kind,
      status: 0,
      stderr: "",
    });
    expect(versions).toContain(stdout.trim());
  }
  const told = kinds.map((kind) => `${killed[kind]} of ${killed[kind] + ended[kind]} ${kind}s`);
  const tookS = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(
    `Seed ${seed}: killed ${told.join(", ")} in ${tookS} s; heros --version answered each time.\n`,
  );

  // What was left does not stand in the way, and is cleared up.
  await killWhatRuns(world.home);
  const version = await other();
  const last = start("installation", version);
  await last.ended;
  expect(last.child.exitCode).toBe(0);
  const program = join(world.data, "current/app/bin/heros.js");
  expect((await world.run(process.execPath, [program, "--version"])).stdout).toBe(`${version}\n`);
  expect((await world.heros("upgrade", "--rollback")).status).toBe(0);
  expect((await world.versions()).length).toBe(2);
  // Nothing is left of any of them but a folder that is everybody's.
  expect((await world.run(process.execPath, [program, "uninstall", "--yes"])).status).toBe(0);
  const left = await readdir(world.home, { recursive: true });
  expect(left.filter((name) => name !== ".cache")).toEqual([]);
});
