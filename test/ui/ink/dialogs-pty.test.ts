import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { keys, type Pty } from "../../terminal/pty.ts";
import { openSource } from "../../terminal/source-entry.ts";

const entry = new URL("../entries/failed-checks.ts", import.meta.url);
const opened: Pty[] = [];
const folders: string[] = [];

function openTrouble(env: Readonly<Record<string, string>> = {}): Pty {
  const pty = openSource({ entry, env, columns: 100, rows: 30 });
  opened.push(pty);
  return pty;
}

/** Ends whoever has the port, by the command that the screen shows, and waits until the port is free. */
async function runShownKill(pty: Pty): Promise<void> {
  const [, pid] = /kill (\d+)/.exec(pty.text()) ?? [];
  const [, port] = /port (\d+) is in use/.exec(pty.text()) ?? [];
  process.kill(Number(pid));
  const gone = async (): Promise<void> => {
    const server = createServer().listen(Number(port), "127.0.0.1");
    await once(server, "listening");
    server.close();
  };
  await vi.waitFor(gone, { timeout: 240_000 });
}

afterEach(async () => {
  for (const pty of opened.splice(0)) pty.close();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

test("what is mended in another window is seen at r, one after the other, and the questions come", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-docker-"));
  folders.push(folder);
  const docker = path.join(folder, "docker");
  const pty = openTrouble({ DOCKER_IS_AT: docker });
  await pty.waitFor("r: check again");
  expect(pty.text()).toContain("Fix: curl -fsSL https://get.docker.com | sudo sh");
  await runShownKill(pty);
  pty.type("r");
  await pty.waitFor("Annie can't run until this is fixed:");
  expect(pty.text()).toMatch(/Checked again at \d\d:\d\d:\d\d\. Fixed: Port for Annie\./);
  pty.type("?");
  await pty.waitFor("q or Esc quits.");
  pty.type("q");
  await pty.waitFor("Annie can't run until this is fixed:");
  pty.type("l");
  await pty.waitFor(/\[✓\] Processor[^]*\[✗\] Docker engine/);
  pty.type("l");
  await pty.waitFor("Annie can't run until this is fixed:");
  await writeFile(docker, "");
  pty.type("r");
  await pty.waitFor("What should Annie be able to do?");
  expect(pty.scrollback()).toEqual([]);
  pty.type("q");
  await pty.waitFor("Quit setup?");
  pty.type("y");
  expect((await pty.exit).exitCode).toBe(130);
  expect(pty.cursor().visible).toBe(true);
  // What passed is one line, told at each look that found something new to pass.
  expect(pty.everything()).not.toMatch(/\[✓\] Processor/);
  expect(pty.everything().match(/ checks passed/g)).toHaveLength(3);
});

test("q ends as if nobody had been asked: the failure, its remedy, status 4", async () => {
  const pty = openTrouble();
  await pty.waitFor("r: check again");
  pty.type("q");
  expect((await pty.exit).exitCode).toBe(4);
  expect(pty.everything()).toMatch(/\[✗\] Port \d+, which Annie needs, is in use by/);
  expect(pty.everything()).toContain("Error code port.taken, exit status 4.");
});

test("Ctrl-C there, and while it looks again, interrupts and leaves the terminal as it was", async () => {
  for (const before of ["", "r"]) {
    const pty = openTrouble();
    await pty.waitFor("r: check again");
    pty.type(before + keys.ctrlC);
    expect((await pty.exit).exitCode).toBe(130);
    expect(pty.cursor().visible).toBe(true);
    expect(pty.everything()).toContain("Stopped.");
  }
});

test("p takes the free port that is offered, and the questions come", async () => {
  const pty = openTrouble();
  await pty.waitFor(/p: use port \d+/);
  pty.type("p");
  await pty.waitFor("What should Annie be able to do?");
  pty.type("q");
  await pty.waitFor("Quit setup?");
  pty.type("y");
  expect((await pty.exit).exitCode).toBe(130);
  expect(pty.everything()).toMatch(/Port \d+ is in use by .*\. Annie gets port \d+\./);
});

test("a screen reader is told the same, and r is typed as a line", async () => {
  const pty = openTrouble({ ACCESSIBLE: "1" });
  await pty.waitFor(", p to take port ");
  await runShownKill(pty);
  pty.type(`r${keys.enter}`);
  await pty.waitFor("Question 1 of 4.");
  pty.type(`q${keys.enter}`);
  expect((await pty.exit).exitCode).toBe(130);
  expect(pty.output()).not.toContain("\u001b");
});
