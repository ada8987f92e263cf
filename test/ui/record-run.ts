import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Catalog } from "../../src/catalog/catalog.ts";
import { runCommand } from "../../src/cli/run-lifecycle.ts";
import type { SetupRequest, Work } from "../../src/commands/command-request.ts";
import { setup } from "../../src/commands/setup/setup.ts";
import { type DemoWorld, prepareDemo } from "../../src/demo/prepare-demo.ts";
import { realHost } from "../../src/host/real-host.ts";
import { noRunLog } from "../../src/record/write-record.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { stages, type Stage } from "../../src/run/events/run.ts";
import { createEndpointMemory } from "../../src/source/mirrors.ts";
import { requestOf } from "../commands/demo-setup.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export type OnEvent = (event: TimedEvent, interrupt: () => void) => void;

/** A demo's world for as long as the work takes. */
export async function inWorld(
  { catalog, speed }: { readonly catalog: Catalog; readonly speed: number },
  work: (world: DemoWorld) => Promise<void>,
): Promise<void> {
  const { env, execPath, pid, platform, arch } = process;
  const world = await prepareDemo({
    host: realHost({ env, home: "/nowhere", cwd: root, pid, platform, nodeArch: arch }),
    catalog,
    nodePath: execPath,
    speed,
  });
  try {
    await work(world);
  } finally {
    await world.dispose();
  }
}

/** A setup in this world that does not know that it is a demo. */
export function recordSetup(
  world: DemoWorld,
  onEvent?: OnEvent,
  request: Partial<SetupRequest> = {},
): Promise<TimedEvent[]> {
  return record(
    world,
    { command: "setup", stages },
    (work) => setup(work, { ...requestOf(world), ...request }),
    onEvent,
  );
}

/** The events of a run that the command line would have started. */
export async function record(
  world: DemoWorld,
  started: { readonly command: string; readonly stages: readonly Stage[] },
  work: (work: Work) => Promise<readonly string[] | null>,
  onEvent: OnEvent = () => undefined,
): Promise<TimedEvent[]> {
  const events: TimedEvent[] = [];
  const stop = new AbortController();
  await runCommand({
    host: world.host,
    writer: {
      write(event) {
        events.push(event);
        onEvent(event, () => stop.abort());
      },
      close: async () => undefined,
    },
    log: noRunLog,
    signal: stop.signal,
    started: { ...started, herosVersion: "0.1.0", demo: false },
    resumeHint: "What is downloaded is kept. Run heros setup again: it goes on where it stopped.",
    work: (emit, elapsedMs) => {
      const endpoints = createEndpointMemory();
      return work({ host: world.host, emit, signal: stop.signal, elapsedMs, endpoints });
    },
  });
  return events;
}

/** The events as lines. Only what differs from machine to machine is replaced: folders, addresses, ports. */
export function linesOf(world: DemoWorld, events: readonly TimedEvent[]): string[] {
  return events.map((event) =>
    JSON.stringify(event)
      .replaceAll(path.join(world.folder, "home"), "/home/ada")
      .replaceAll(world.folder, "/tmp/heros")
      .replaceAll(world.endpoint, "https://huggingface.co")
      .replaceAll(root, "/opt/heros/")
      // Annie's, wherever it is named: in addresses, in the check of the port, in files.
      .replaceAll(new RegExp(`\\b${world.port}\\b`, "g"), "8000"),
  );
}
