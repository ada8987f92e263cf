import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, test, vi } from "vitest";
import { realProcesses } from "../../src/host/processes.ts";

/** Starts a process of its own, as docker starts its plugins, and waits for it. */
const starter = "tail -f /dev/null & echo $!; wait";

/** False for one that nobody has asked about since it ended. */
async function runs(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
}

test("a command that takes too long ends with all that it started", async () => {
  const processes = realProcesses({ PATH: "/usr/bin:/bin" });
  const result = await processes.run({ command: "sh", args: ["-c", starter], timeoutMs: 500 });
  expect(result.timedOut).toBe(true);
  expect(await runs(Number(result.stdout))).toBe(false);
});

test("a command that is not waited for any longer ends with all that it started", async () => {
  const processes = realProcesses({ PATH: "/usr/bin:/bin" });
  const stop = new AbortController();
  let pid = 0;
  const onLine = (line: string) => {
    pid = Number(line);
    stop.abort();
  };
  const request = { command: "sh", args: ["-c", starter], onLine, signal: stop.signal };
  await expect(processes.run(request)).rejects.toMatchObject({ name: "AbortError" });
  expect(await runs(pid)).toBe(false);
});

test("a command that should end with heros ends where heros is killed", async () => {
  const module = new URL("../../src/host/processes.ts", import.meta.url).href;
  const script = `const { realProcesses } = await import(${JSON.stringify(module)});
    const args = ["-c", "echo $$; exec tail -f /dev/null"];
    const onLine = (line) => console.log(line);
    await realProcesses(process.env).run({ command: "sh", args, onLine, endsWithHeros: true });`;
  const heros = spawn(process.execPath, ["--input-type=module", "-e", script]);
  const [line] = (await once(heros.stdout, "data")) as [Buffer];
  const pid = Number(String(line));
  expect(await runs(pid)).toBe(true);
  heros.kill("SIGKILL");
  await vi.waitFor(async () => expect(await runs(pid)).toBe(false));
});

test("giving way holds for all threads, and for what is started later", async () => {
  const module = new URL("../../src/host/processes.ts", import.meta.url).href;
  const script = `const { realProcesses } = await import(${JSON.stringify(module)});
    const { readdir, readFile } = await import("node:fs/promises");
    const processes = realProcesses(process.env);
    await processes.giveWay();
    const nice = [];
    for (const thread of await readdir("/proc/self/task"))
      nice.push((await readFile("/proc/self/task/" + thread + "/stat", "utf8")).replace(/^.*\\) /, "").split(" ")[16]);
    nice.push((await processes.run({ command: "nice" })).stdout.trim());
    console.log(nice.join(" "));`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--input-type=module",
    "-e",
    script,
  ]);
  expect(new Set(stdout.trim().split(" "))).toEqual(new Set(["10"]));
});

test("a command whose line does not end is killed", async () => {
  const processes = realProcesses({ PATH: "/usr/bin:/bin" });
  const args = ["-c", "echo short; exec cat /dev/zero"];
  const lines: string[] = [];
  const onLine = (line: string) => void lines.push(line);
  const bounds = { maxLineBytes: 100_000, keepsNoOutput: true };
  const { exitCode } = await processes.run({ command: "sh", args, onLine, ...bounds });
  expect(exitCode).toBe(null);
  expect(lines[0]).toBe("short");
});

test("a command that may ask stays in the session of the terminal", async () => {
  const processes = realProcesses({ PATH: "/usr/bin:/bin" });
  const args = ["-c", "cut -d ' ' -f 6 /proc/$$/stat"];
  const sessionOf = async (onTerminal: boolean) =>
    (await processes.run({ command: "sh", args, onTerminal })).stdout.trim();
  const own = (await readFile("/proc/self/stat", "utf8")).replace(/^.*\) /, "").split(" ")[3];
  expect(await sessionOf(true)).toBe(own);
  expect(await sessionOf(false)).not.toBe(own);
});
