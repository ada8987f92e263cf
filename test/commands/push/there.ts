import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Work } from "../../../src/commands/command-request.ts";
import type { HerosEvent } from "../../../src/run/event.ts";
import { createEndpointMemory } from "../../../src/source/mirrors.ts";
import { testHost } from "../../deploy/compose/fixtures.ts";

export interface Scene {
  readonly work: Work;
  readonly stop: AbortController;
  readonly events: HerosEvent[];
  /** The home folder of the other machine. */
  readonly home: string;
}

/** Work that tells its events here, and a home folder for the other machine, with a space in its name. */
export async function makeScene(): Promise<Scene> {
  const home = await mkdtemp(join(tmpdir(), "heros there-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const events: HerosEvent[] = [];
  const stop = new AbortController();
  const work: Work = {
    host: testHost(),
    emit: (event) => void events.push(event),
    signal: stop.signal,
    elapsedMs: () => 0,
    endpoints: createEndpointMemory(),
  };
  return { work, stop, events, home };
}
