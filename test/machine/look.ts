import { herOs } from "../her-os.ts";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished } from "vitest";
import { detectMachine, type Detection } from "../../src/checks/detect.ts";
import { connectHub } from "../../src/source/hub/hub.ts";
import type { Host } from "../../src/host/host.ts";
import type { TryHub } from "../../src/checks/ask-machine.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import type { CheckFinished } from "../../src/run/events/machine.ts";
import { freePort } from "../host/free-port.ts";
import { installTool, type HungTool, type ToolOutput } from "./fake-tools.ts";
import { serve, type TestServer } from "./server.ts";
import { testHost, type TestHostOptions } from "./test-host.ts";

/** A machine as a test wants it: real processes, loopback servers and folders under it. */
export interface Pretended {
  /** What each command prints; `docker info` and `docker compose` are two forms of one. */
  readonly tools: Readonly<Record<string, ToolOutput | HungTool>>;
  readonly host?: Omit<TestHostOptions, "env">;
  readonly port?: number;
  readonly endpoint?: string;
  readonly onEvent?: (event: HerosEvent) => void;
  readonly signal?: AbortSignal;
  readonly limitMs?: number;
}

export interface Seen extends Detection {
  readonly events: readonly HerosEvent[];
  check(id: string): CheckFinished | undefined;
}

export async function look(pretended: Pretended): Promise<Seen> {
  const bin = await newFolder();
  await installTools(bin, pretended.tools);
  const host = testHost({ ...pretended.host, env: { PATH: bin, USER: "ann" } });
  onTestFinished(() => host.network.close());
  const events: HerosEvent[] = [];
  const folder = await newFolder();
  const detection = await detectMachine({
    modelsGib: 24.5,
    core: herOs.stack,
    host,
    emit: (event) => {
      events.push(event);
      pretended.onEvent?.(event);
    },
    signal: pretended.signal ?? new AbortController().signal,
    modelsPath: path.join(folder, "hub"),
    stackDir: path.join(folder, "her-os"),
    port: pretended.port ?? (await freePort()),
    endpoint: pretended.endpoint ?? (await startHub()).url,
    readStack: async () => null,
    tryHub: tryHubOn(host),
    limitMs: pretended.limitMs ?? 15_000,
  });
  // Looking changes nothing.
  expect(await readdir(folder)).toEqual([]);
  return {
    ...detection,
    events,
    check: (id) => detection.checks.find((check) => check.id === id),
  };
}

async function installTools(bin: string, tools: Pretended["tools"]): Promise<void> {
  const names = new Set(Object.keys(tools).map((name) => name.split(" ")[0] ?? name));
  for (const name of names) {
    const forms = Object.entries(tools).filter(([words]) => words.startsWith(`${name} `));
    const others = forms.map(([words, answer]) => [words.slice(name.length + 1), answer] as const);
    await installTool(bin, name, tools[name] ?? { exitCode: 64 }, Object.fromEntries(others));
  }
}

export async function newFolder(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "heros-machine-"));
  onTestFinished(async () => rm(made, { recursive: true }));
  return made;
}

export async function startServer(...answer: Parameters<typeof serve>): Promise<TestServer> {
  const server = await serve(...answer);
  onTestFinished(server.close);
  return server;
}

/** Asks for the list of a repository, as a download does first. */
export function tryHubOn(host: Host): TryHub {
  return async (endpoint, signal) => {
    await connectHub({ host, endpoint, token: null, forMs: 0 }).list("o/m", "0".repeat(40), signal);
    return "answered";
  };
}

/** Answers as the Hub does. */
export async function startHub(): Promise<TestServer> {
  return startServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end("[]");
  });
}
