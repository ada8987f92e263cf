import type { Host } from "../host/host.ts";
import type { Emit } from "../progress/event.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { formatDuration } from "../progress/units.ts";
import { registryOf } from "./compose-errors.ts";
import type { ImageProgress } from "./compose-progress.ts";
import type { StackConfig } from "./stack-config.ts";

/** After so long without a word of an image it is told what is waited for, and again each time. */
const silenceToldMs = 30_000;
/** A registry that says nothing for so long is given up, where compose would have told of every byte. */
const silenceEndsMs = 600_000;

export interface Silence {
  /** Compose said something. */
  broken(): void;
  /** Tells what is waited for, where that is due. */
  look(): void;
  /** Fires with a Failure where nothing was said for too long. */
  readonly ended: AbortSignal;
}

/** Watches for a registry that takes a request and never answers, of which compose says nothing for as long as one waits. */
export function watchSilence(
  { host, emit }: { readonly host: Host; readonly emit: Emit },
  known: {
    readonly images: ImageProgress;
    readonly config: StackConfig | null;
    readonly ends: boolean;
  },
): Silence {
  const { images, config, ends } = known;
  const end = new AbortController();
  let wordAtMs = host.clock.monotonicMs();
  let toldMs = 0;
  return {
    ended: end.signal,
    broken() {
      wordAtMs = host.clock.monotonicMs();
      toldMs = 0;
    },
    look() {
      const silentMs = Math.round(host.clock.monotonicMs() - wordAtMs);
      const waiting = images.pending();
      if (waiting.length === 0 || silentMs - toldMs < silenceToldMs) return;
      toldMs = silentMs;
      for (const service of waiting) {
        const registry = registryOf(config?.imageOfService.get(service) ?? null) ?? "its registry";
        const detail = ends
          ? `no answer from ${registry} for ${formatDuration(silentMs / 1000)}`
          : `${registry}, for ${formatDuration(silentMs / 1000)} so far`;
        emit({ type: "container.changed", service, state: "pulling", detail, silentMs });
      }
      if (ends && silentMs >= silenceEndsMs) end.abort(registrySilent(waiting, config, silentMs));
    },
  };
}

function registrySilent(
  services: readonly string[],
  config: StackConfig | null,
  silentMs: number,
): Failure {
  const images = services.map((service) => config?.imageOfService.get(service) ?? service);
  return new Failure({
    code: "docker.pull_network",
    message: `Docker waited ${formatDuration(silentMs / 1000)} for ${images.join(", ")}, and ${registryOf(images[0] ?? null) ?? "the registry"} sent nothing.`,
    hint: "Check the connection, then run heros setup again. If that waits too, restart Docker first: sudo systemctl restart docker",
    exitCode: exitCodes.network,
  });
}
