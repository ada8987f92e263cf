import fs from "node:fs/promises";
import type { Clock, Files, Host, System } from "../../src/host/host.ts";
import { realHost } from "../../src/host/real-host.ts";
import type { Probe } from "../../src/host/time-limit.ts";

export interface TestHostOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly arch?: string;
  readonly system?: System;
  readonly clock?: Clock;
  /** What every file system says of its space; without it each says its own. */
  readonly disk?: Readonly<Record<"totalBytes" | "freeBytes", number>>;
  /** Files below /etc, /proc and /sys as this machine is to have them; without it they are the real ones. */
  readonly texts?: Readonly<Record<string, string>>;
}

/** The real host, but for what a test says of the machine. */
export function testHost(options: TestHostOptions = {}): Host {
  const { env = {}, arch, system, clock, texts, disk } = options;
  const real = realHost({
    // Without a PATH of the test's own no command is found, whatever this machine has.
    env: { PATH: "/nonexistent", ...env },
    home: "/nonexistent",
    cwd: "/",
    pid: process.pid,
    platform: "linux",
    nodeArch: process.arch,
  });
  return {
    ...real,
    ...(arch === undefined ? {} : { arch }),
    ...(system === undefined ? {} : { system }),
    ...(clock === undefined ? {} : { clock }),
    files: {
      ...(texts === undefined ? fs : filesWith(texts)),
      ...(disk === undefined ? {} : { statfs: statfsOf(disk) }),
    },
  };
}

export function testProbe(options: TestHostOptions = {}): Probe {
  return { host: testHost(options), signal: new AbortController().signal, limitMs: 10_000 };
}

function statfsOf({ totalBytes, freeBytes }: NonNullable<TestHostOptions["disk"]>) {
  return (async (folder: string) => {
    const own = await fs.statfs(folder);
    return Object.assign(own, { bsize: 1, blocks: totalBytes, bavail: freeBytes });
  }) as unknown as Files["statfs"];
}

function missing(file: string): Error {
  return Object.assign(new Error(`ENOENT: no such file or directory, '${file}'`), {
    code: "ENOENT",
  });
}

/** Node's files, with a machine of the test's own in the place of /etc, /proc and /sys. */
function filesWith(texts: Readonly<Record<string, string>>): Files {
  const pretended = /^\/(etc|proc|sys)\//;
  const readFile = async (file: string, encoding: "utf8"): Promise<string> => {
    if (!pretended.test(file)) return fs.readFile(file, encoding);
    const text = texts[file];
    if (text === undefined) throw missing(file);
    return text;
  };
  const readdir = async (folder: string): Promise<string[]> => {
    if (!pretended.test(`${folder}/`)) return fs.readdir(folder);
    const inside = Object.keys(texts).filter((file) => file.startsWith(`${folder}/`));
    if (inside.length === 0) throw missing(folder);
    return [...new Set(inside.map((file) => file.slice(folder.length + 1).split("/")[0] ?? ""))];
  };
  return { ...fs, readFile, readdir } as unknown as Files;
}
