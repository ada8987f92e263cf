import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
export const platform = `linux-${process.arch === "arm64" ? "arm64" : "x64"}`;

/** Stands for Node: the one that runs the tests, which would be 100 MB to copy. */
const ownNode = `exec '${process.execPath}' "$@"`;

const launcher = `#!/bin/sh
tree=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
exec "$tree/runtime/node" "$tree/app/bin/heros.js" "$@"
`;

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TreeOptions {
  /** What `runtime/node` does, in sh. */
  readonly runtime?: string;
  readonly platform?: string;
  readonly commit?: string;
  readonly id?: string;
  /** More files of the tree. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A home of its own, and releases of the built program to install in it. */
export class ReleaseWorld {
  readonly root: string;
  readonly home: string;

  private constructor(folder: string, home: string) {
    this.root = folder;
    this.home = join(folder, home);
  }

  static async make(home = "home"): Promise<ReleaseWorld> {
    const world = new ReleaseWorld(await mkdtemp(join(tmpdir(), "heros-release-")), home);
    await mkdir(world.home);
    return world;
  }

  get data(): string {
    return join(this.home, ".local/share/heros");
  }

  get launcher(): string {
    return join(this.home, ".local/bin/heros");
  }

  /** Unpacks a release, as install.sh does. @returns its folder */
  async unpack(version: string, options: TreeOptions = {}): Promise<string> {
    const folder = join(this.root, `heros-${version}-${options.platform ?? platform}`);
    for (const name of ["app/assets", "runtime", "bin"]) {
      await mkdir(join(folder, name), { recursive: true });
    }
    const needed = (file: string): boolean =>
      !file.endsWith(".map") && file !== join(root, "dist/share");
    await cp(join(root, "dist"), join(folder, "app/dist"), { recursive: true, filter: needed });
    await cp(join(root, "dist/share"), join(folder, "share"), { recursive: true });
    await cp(join(root, "bin"), join(folder, "app/bin"), { recursive: true });
    const text = await readFile(join(root, "package.json"), "utf8");
    const described = { schema: 1, version, platform, commit: null, ...options };
    const { runtime = ownNode, files = {}, ...release } = described;
    const all: Readonly<Record<string, string>> = {
      "app/package.json": text.replace(/"version": ".*"/, `"version": "${version}"`),
      "release.json": `${JSON.stringify(release)}\n`,
      LICENSE: "",
      ...files,
    };
    for (const [name, content] of Object.entries(all)) await writeFile(join(folder, name), content);
    await writeFile(join(folder, "runtime/node"), `#!/bin/sh\n${runtime}\n`, { mode: 0o755 });
    await writeFile(join(folder, "bin/heros"), launcher, { mode: 0o755 });
    return folder;
  }

  start(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const PATH = "/usr/local/bin:/usr/bin:/bin";
    const all = { HOME: this.home, PATH, SHELL: "/bin/bash", ...env };
    const child = spawn(file, args, {
      cwd: this.root,
      env: all,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const ended: Promise<Ended> = once(child, "close").then(() => ({
      status: child.exitCode,
      stdout,
      stderr,
    }));
    return { child, ended };
  }

  /** Unpacks a release and installs it. */
  async install(version: string, options: TreeOptions = {}, args: readonly string[] = []) {
    const tree = await this.unpack(version, options);
    return this.run(join(tree, "bin/heros"), ["release", "install", ...args]);
  }

  run(file: string, args: readonly string[], env?: Readonly<Record<string, string>>) {
    return this.start(file, args, env).ended;
  }

  /** The closing record of `heros upgrade`, and all before it. */
  async upgrade(...args: string[]) {
    const { status, stdout } = await this.heros("upgrade", "--json", ...args);
    const events = stdout.trim().split("\n");
    const closing = JSON.parse(events.at(-1) ?? "") as { type: string; code?: string };
    return { status, code: closing.code ?? closing.type, events };
  }

  /** Runs the installed one. */
  heros(...args: string[]): Promise<Ended> {
    return this.run(this.launcher, args);
  }

  async link(name: "current" | "previous"): Promise<string | null> {
    return readlink(join(this.data, name)).catch(() => null);
  }

  async versions(): Promise<string[]> {
    return (await readdir(join(this.data, "versions"))).toSorted();
  }

  /** Every path in the home folder, but for what is in versions. */
  async homeFiles(): Promise<string[]> {
    const all = await readdir(this.home, { recursive: true });
    return all.filter((path) => !/\/(?:versions\/.+|current|previous)\//.test(path)).toSorted();
  }

  remove(): Promise<void> {
    return rm(this.root, { recursive: true, force: true });
  }
}

/** Version 1.0.0 is installed, alone, and answers. */
export async function expectUntouched(world: ReleaseWorld): Promise<void> {
  expect((await world.heros("--version")).stdout).toBe("1.0.0\n");
  expect(await world.versions()).toEqual(["1.0.0"]);
}
