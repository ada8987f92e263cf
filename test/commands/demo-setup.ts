import os from "node:os";
import { fileURLToPath } from "node:url";
import { prepareDemo, type DemoWorld } from "../../src/demo/prepare-demo.ts";
import { herOs } from "../demo/test-demo.ts";
import { steppedClock } from "../download/stepped-clock.ts";
import { freePort } from "../host/free-port.ts";
import { realHost } from "../../src/host/real-host.ts";
import { createEndpointMemory } from "../../src/source/mirrors.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import type { SetupRequest } from "../../src/commands/command-request.ts";
import { setup } from "../../src/commands/setup/setup.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Accepted by the world's Hub. */
export const goodToken = "hf_very_secret_token_1234";

/** A demo's world with a tenth of the bytes and of the waits, for setups that run in this process. */
export async function makeWorld({ speed = 20, scale = 0.1 } = {}): Promise<DemoWorld> {
  const { env, execPath, pid, platform, arch } = process;
  const host = realHost({ env, home: os.tmpdir(), cwd: root, pid, platform, nodeArch: arch });
  return prepareDemo({
    host: { ...host, clock: steppedClock(10) },
    catalog: herOs,
    nodePath: execPath,
    speed,
    scale,
    port: await freePort(),
    tokens: { [goodToken]: "ann" },
  });
}

export interface SetupRun {
  readonly events: HerosEvent[];
  /** The closing sentences; null where the person said no. */
  readonly words: readonly string[] | null;
  /** What the work threw. */
  readonly error: unknown;
}

export interface SetupOptions {
  readonly request?: Partial<SetupRequest>;
  readonly signal?: AbortSignal;
  readonly elapsedMs?: () => number;
  readonly onEvent?: (event: HerosEvent) => void;
}

/** What an unattended setup in this world asks for. */
export function requestOf(world: DemoWorld): SetupRequest {
  return {
    catalog: world.catalog,
    endpoint: world.endpoint,
    mirrors: [],
    cacheDir: null,
    stateDir: world.stateDir,
    stackDir: world.stackDir,
    assetsDir: `${root}assets`,
    port: world.port,
    limitBytesPerSecond: null,
    maxConnections: null,
    keepImages: false,
    tokenFile: null,
    onlineTimeoutMs: 1_000_000,
    decided: [],
    dryRun: false,
    person: {},
  };
}

/** One setup in a world, unattended unless the request asks. */
export async function runSetup(world: DemoWorld, options: SetupOptions = {}): Promise<SetupRun> {
  const events: HerosEvent[] = [];
  const startedAtMs = performance.now();
  const emit = (event: HerosEvent) => {
    events.push(event);
    options.onEvent?.(event);
  };
  const work = {
    host: world.host,
    emit,
    signal: options.signal ?? new AbortController().signal,
    elapsedMs: options.elapsedMs ?? (() => performance.now() - startedAtMs),
    endpoints: createEndpointMemory(),
  };
  // All tiers, so that each kind of model is there.
  const decided = [{ groups: ["1", "2", "3"] }];
  const request: SetupRequest = { ...requestOf(world), decided, ...options.request };
  try {
    return { events, words: await setup(work, request), error: null };
  } catch (error) {
    return { events, words: null, error };
  }
}

/** Events of one type, in order. */
export function eventsOf<Type extends HerosEvent["type"]>(run: SetupRun, type: Type) {
  return run.events.filter(
    (event): event is Extract<HerosEvent, { type: Type }> => event.type === type,
  );
}
