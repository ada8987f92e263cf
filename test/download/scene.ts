import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedHub, type HubOptions, startHub } from "../../src/demo/hub/hub.ts";
import {
  downloadModels,
  type ModelRequest,
  surveyModels,
} from "../../src/commands/download-models.ts";
import type { DownloadRequest } from "../../src/download/download.ts";
import type { Tuning } from "../../src/download/tuning.ts";
import type { Host } from "../../src/host/host.ts";
import { steppedClock } from "./stepped-clock.ts";
import { realHost } from "../../src/host/real-host.ts";
import { connectHub, type Hub } from "../../src/source/hub/hub.ts";
import type { Source } from "../../src/source/source.ts";
import type { Attempt } from "../../src/source/retry-policy.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { Secret } from "../../src/run/secret.ts";
import type { Hashing } from "../../src/store/hashing.ts";
import { openHubCache } from "../../src/store/hub-cache/hub-cache.ts";
import type { Survey } from "../../src/store/store.ts";

/** A Hub, a host whose waits are short, and a folder of its own. */
export interface Scene extends AsyncDisposable {
  readonly folder: string;
  readonly cacheDir: string;
  readonly served: EmbeddedHub;
  readonly host: Host;
  readonly events: HerosEvent[];
  of<Type extends HerosEvent["type"]>(type: Type): Extract<HerosEvent, { type: Type }>[];
  hub(changes?: {
    token?: string;
    offline?: boolean;
    endpoint?: string;
    host?: Host;
    forMs?: number;
    onRetry?: (attempt: Attempt) => void;
  }): Hub;
  survey(models: readonly ModelRequest[], hub?: Source): Promise<Survey>;
  pull(models: readonly ModelRequest[], changes?: Pull): Promise<Survey>;
}

export interface Pull extends Partial<
  Pick<DownloadRequest, "limitBytesPerSecond" | "maxConnections" | "pause">
> {
  readonly hub?: Source;
  readonly host?: Host;
  readonly hashing?: Hashing;
  readonly signal?: AbortSignal;
  readonly tuning?: Partial<Tuning>;
  readonly onEvent?: (event: HerosEvent) => void;
}

/** Small pieces, so that small files go the way of large ones. */
export const smallTuning: Partial<Tuning> = {
  smallBytes: 16 * 1024,
  minSegmentBytes: 256 * 1024,
  maxSegmentBytes: 512 * 1024,
  writeBytes: 64 * 1024,
  tickMs: 50,
  idleMs: 3000,
};

export async function openScene(options: HubOptions): Promise<Scene> {
  // Its time stands still with the clocks of heros.
  const served = await startHub({ clock: steppedClock(1), ...options });
  const folder = await mkdtemp(join(tmpdir(), "heros-download-"));
  const host = quickHost();
  const cacheDir = join(folder, "hub");
  const events: HerosEvent[] = [];
  const scene: Scene = {
    folder,
    cacheDir,
    served,
    host,
    events,
    of: (type) =>
      events.filter(
        (event): event is Extract<HerosEvent, { type: typeof type }> => event.type === type,
      ),
    hub: ({
      token,
      offline = false,
      endpoint = served.endpoint,
      host: other = host,
      ...waiting
    } = {}) =>
      connectHub({
        ...waiting,
        host: other,
        endpoint,
        offline,
        token: token === undefined ? null : new Secret(token),
        stateDir: join(folder, "state"),
      }),
    survey: (models, hub = scene.hub()) =>
      surveyModels({
        source: hub,
        store: openHubCache({ host, cacheDir }),
        models,
        signal: new AbortController().signal,
      }),
    async pull(
      models,
      { hub = scene.hub(), host: used = host, hashing, signal, tuning, onEvent, ...changes } = {},
    ) {
      events.length = 0;
      const stop = signal ?? new AbortController().signal;
      const store = openHubCache({ host: used, cacheDir, hashing });
      const survey = await surveyModels({ source: hub, store, models, signal: stop });
      await downloadModels({
        host: used,
        source: hub,
        store,
        survey,
        signal: stop,
        emit: (event) => {
          events.push(event);
          onEvent?.(event);
        },
        tuning: { ...smallTuning, ...tuning },
        ...changes,
      });
      return survey;
    },
    async [Symbol.asyncDispose]() {
      host.network.close();
      host.fileLocks.close();
      await served.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return scene;
}

/** The real host, with a clock that runs ten times as fast: backoff and rate limits are waited out in a tenth of the time. */
export function quickHost(haste = 10): Host {
  const host = realHost({
    env: process.env,
    home: tmpdir(),
    cwd: tmpdir(),
    pid: process.pid,
    platform: "linux",
    nodeArch: process.arch,
  });
  return { ...host, clock: steppedClock(haste) };
}

export function model(
  id: string,
  repo: string,
  changes: { priority?: number; revision?: string; files?: readonly string[] | null } = {},
): ModelRequest {
  const { priority = 1, revision = "main", files = null } = changes;
  return { id, title: id, priority, purpose: "Test", parts: [{ repo, revision, files }] };
}
