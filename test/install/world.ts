import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
export const script = fileURLToPath(new URL("../../install.sh", import.meta.url));

const tools =
  "basename cat chmod cp cut df dirname env find flock getconf git grep gzip head id ldd ls mkdir mv readlink rm rmdir sed sh sha256sum sha512sum sort ssh-keygen tail tar tr uname wget xz".split(
    " ",
  );

// Stands for npm: it hands out the archive, and fails as it is told to.
const npm = `#!/bin/sh
echo "$1" >>"$WORLD/npm-calls"
echo "\${HF_TOKEN-none}" >>"$WORLD/npm-tokens"
case $1 in
  --version) echo 10.9.9 ;;
  pack) while [ "$1" != --pack-destination ]; do shift; done; cp "$WORLD"/node-linux-*.tgz "$2" ;;
  ci)
    if [ -f "$WORLD/npm-fails" ]; then cat "$WORLD/npm-fails"; exit 1; fi
    if [ -f "$WORLD/npm-hangs" ]; then echo $$ >"$WORLD/npm-hangs"; exec "$WORLD/bin/long-sleep" 600; fi
    mkdir -p node_modules/left ;;
esac
`;

// The built heros. What takes long it leaves out, and of a setup it says how it was started.
const heros = `
import { readFileSync } from "node:fs";
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const args = process.argv.slice(2);
const token = process.env.HF_TOKEN;
if (args[0] === "--version") console.log(version);
else if (args[0] === "doctor") console.log(JSON.stringify({ v: 1, type: "run.started" }));
else if (["setup", "pull"].includes(args[0]))
  console.log(JSON.stringify({ args, tty: process.stdin.isTTY === true, token, umask: process.umask() }));
else await (await import("../dist/cli/main.js")).main();
`;

// Stands for the build: it takes what was built for the tests.
const build = `
import { cpSync } from "node:fs";
const filter = (path) => !/\\.map$|warm-compile-cache\\.js$/.test(path);
cpSync(${JSON.stringify(`${root}dist`)}, new URL("../dist", import.meta.url), { recursive: true, filter });
`;

/** Those that install.sh is written for. Where everything is checked each must be there: none is left out in silence. */
export const shells = [["dash"], ["busybox", "ash"], ["bash"], ["bash", "--posix"]].filter(
  ([name = "sh"]) => process.env["CI"] !== undefined || isThere(name),
);

export function isThere(shell: string): boolean {
  return spawnSync(shell, ["-c", ":"]).error === undefined;
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The script itself comes by stdin, as from curl. */
  readonly piped?: string;
  readonly cwd?: string;
  /** Stdin is closed, not empty. */
  readonly closed?: boolean;
  /** By its command line, instead of sh. */
  readonly shell?: readonly string[];
  readonly file?: string;
}

/** A checkout, a home and a PATH of their own in a temporary folder; nothing in it is fetched or compiled. */
export class World {
  readonly root: string;
  readonly home: string;
  readonly checkout: string;
  readonly bin: string;

  private constructor(folder: string, home: string) {
    this.root = folder;
    this.home = join(folder, home);
    this.checkout = join(folder, "check out");
    this.bin = join(folder, "bin");
  }

  static async make(home = "home"): Promise<World> {
    const world = new World(await mkdtemp(join(tmpdir(), "heros-install-")), home);
    for (const folder of [world.home, world.bin, "package/bin"]) {
      await mkdir(join(folder.startsWith("/") ? "" : world.root, folder), { recursive: true });
    }
    for (const tool of tools) {
      const program = await which(tool).catch(() => null);
      if (program !== null) await symlink(program, join(world.bin, tool));
    }
    await symlink(await which("sleep"), join(world.bin, "long-sleep"));
    // Nobody waits between two tries.
    await writeFile(join(world.bin, "sleep"), "#!/bin/sh\n", { mode: 0o755 });
    await writeFile(join(world.bin, "npm"), npm, { mode: 0o755 });
    await world.makeCheckout();
    await world.packNode(`#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
    return world;
  }

  private async makeCheckout(): Promise<void> {
    for (const folder of ["bin", "src", "assets", "scripts/release"]) {
      await mkdir(join(this.checkout, folder), { recursive: true });
    }
    const copied = [
      "scripts/from-source.sh",
      "scripts/release/tree.ts",
      "scripts/release/contents.ts",
    ];
    for (const file of ["install.sh", "LICENSE", ...copied]) {
      await cp(join(root, file), join(this.checkout, file));
    }
    const made = {
      "package.json":
        '{\n  "name": "heros",\n  "version": "1.2.3",\n  "license": "Apache-2.0",\n  "type": "module"\n}\n',
      "package-lock.json": '{ "packages": {} }\n',
      "assets/catalog.yaml": "",
      "bin/heros.js": heros,
      "src/main.ts": "export {};\n",
      "scripts/build.ts": build,
    };
    for (const [file, text] of Object.entries(made))
      await writeFile(join(this.checkout, file), text);
  }

  /** Makes the archive of the runtime, and pins its hash. */
  async packNode(text: string, mode = 0o755): Promise<void> {
    const arch = process.arch === "arm64" ? "arm64" : "x64";
    const archive = `node-linux-${arch}-24.0.0.tgz`;
    await writeFile(join(this.root, "package/bin/node"), text, { mode });
    execFileSync("chmod", [mode.toString(8), join(this.root, "package/bin/node")]);
    execFileSync("tar", ["-czf", archive, "package"], { cwd: this.root });
    const digest = createHash("sha512")
      .update(await readFile(join(this.root, archive)))
      .digest("hex");
    await writeFile(join(this.checkout, "scripts/runtime.lock"), `${digest}  ${archive}\n`);
  }

  /** Sources that differ from those before. */
  async edit(text: string): Promise<void> {
    await writeFile(join(this.checkout, "src/main.ts"), text);
  }

  async tell(name: "npm-fails" | "npm-hangs", text: string): Promise<void> {
    await writeFile(join(this.root, name), text);
  }

  async forget(name: "npm-fails" | "npm-hangs"): Promise<void> {
    await rm(join(this.root, name), { force: true });
  }

  /** A process without a terminal, in a session of its own. */
  start(options: RunOptions = {}) {
    const { args = [], env = {}, piped, cwd = this.root, file, closed = false } = options;
    const [shell = "sh", ...before] = options.shell ?? ["sh"];
    const started = file ?? join(this.checkout, "install.sh");
    const own = piped === undefined ? [started, ...args] : ["-s", "--", ...args];
    const line = closed ? ["-c", 'exec "$@" <&-', "sh", shell, ...before] : before;
    const child = spawn(closed ? "sh" : shell, [...line, ...own], {
      cwd,
      env: { HOME: this.home, PATH: this.bin, WORLD: this.root, ...env },
      detached: true,
    });
    // A script that is cut short may end before it has read everything.
    child.stdin.on("error", () => undefined);
    child.stdin.end(piped ?? "");
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    const ended: Promise<Ended> = once(child, "close").then(() => ({
      status: child.exitCode,
      stdout,
      stderr,
    }));
    return { child, ended };
  }

  run(options: RunOptions = {}): Promise<Ended> {
    return this.start(options).ended;
  }

  /** Runs the launcher that was installed. */
  heros(...args: string[]): Promise<Ended> {
    return this.run({ file: join(this.home, ".local/bin/heros"), args });
  }

  get data(): string {
    return join(this.home, ".local/share/heros");
  }

  versions(): Promise<string[]> {
    return readdir(join(this.data, "versions"));
  }

  current(): Promise<string> {
    return readlink(join(this.data, "current"));
  }

  /** Every path in the home folder. */
  async homeFiles(): Promise<string[]> {
    return (await readdir(this.home, { recursive: true })).toSorted();
  }

  async npmCalls(): Promise<string[]> {
    const text = await readFile(join(this.root, "npm-calls"), "utf8").catch(() => "");
    return text.split("\n").filter((line) => line !== "" && line !== "--version");
  }

  remove(): Promise<void> {
    return rm(this.root, { recursive: true, force: true });
  }
}

async function which(tool: string): Promise<string> {
  return execFileSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).trim();
}
