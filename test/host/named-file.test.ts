import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { readNamedFile } from "../../src/host/named-file.ts";
import { testHost } from "../machine/test-host.ts";

const host = testHost();
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "heros-named-"));
  onTestFinished(async () => rm(folder, { recursive: true }));
});

const read = (file: string) => readNamedFile(host, file, 100);

describe("a file that somebody named", () => {
  it("is read whole", async () => {
    await writeFile(path.join(folder, "a"), "twelve bytes");
    expect(await read(path.join(folder, "a"))).toEqual({ bytes: Buffer.from("twelve bytes") });
  });

  it("may not be a pipe, which may have no end, a folder, a device, or too large", async () => {
    await promisify(execFile)("mkfifo", [path.join(folder, "pipe")]);
    await mkdir(path.join(folder, "folder"));
    await writeFile(path.join(folder, "large"), "x".repeat(101));
    expect(await read(path.join(folder, "pipe"))).toEqual({ problem: "it is not a regular file" });
    expect(await read("/dev/zero")).toEqual({ problem: "it is not a regular file" });
    expect(await read(path.join(folder, "folder"))).toEqual({ problem: "it is a folder" });
    expect(await read(path.join(folder, "large"))).toMatchObject({
      problem: expect.stringContaining("larger than") as unknown,
    });
  });

  it("may not be a socket", async () => {
    const socket = path.join(folder, "socket");
    const server = createServer().listen(socket);
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    await expect(read(socket)).rejects.toMatchObject({ code: "ENXIO" });
  });

  it("may be the pipe of a program that still writes", async () => {
    const script = "exec 3< <(sleep 0.2; echo one; sleep 0.2; echo two); echo open; exec sleep 30";
    const shell = spawn("bash", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
    onTestFinished(() => void shell.kill());
    await new Promise((resolve) => shell.stdout.once("data", resolve));
    expect(await read(`/proc/${shell.pid}/fd/3`)).toEqual({ bytes: Buffer.from("one\ntwo\n") });
  });
});
