import path from "node:path";
import { herosFile } from "../deploy/compose/compose-files.ts";
import type { DockerAnswer } from "../docker/engine.ts";
import type { Container, Listing } from "../docker/containers.ts";
import { isUnheard, type Voice } from "../docker/watch-containers.ts";
import { late, type Late, type Probe } from "../host/time-limit.ts";
import { whatHappened } from "../run/failures/annie.ts";
import { inFolder, quoted } from "../run/shell-quote.ts";
import { formatSeconds } from "../run/units.ts";
import {
  failedBy,
  type Finding,
  lacksDocker,
  lateFinding,
  warnedBy,
  withoutDocker,
} from "./finding.ts";
import type {
  HealthFound,
  ContainerTrouble,
  FilesFound,
  Installation,
  MountsFound,
} from "./installation.ts";

type Limit = Pick<Probe, "limitMs">;
/** Whether the stack was set up here. */
type SetUp = { readonly isSetUp: boolean } & Limit;

export const notSetUp = { status: "skipped", found: "not set up yet" } as const;

export function assessHealth(health: HealthFound | Late, { isSetUp, limitMs }: SetUp): Finding {
  if (health === late) return lateFinding({ limitMs });
  const { state, url, problem, answeredInMs } = health;
  if (state === "online") {
    const answered =
      answeredInMs === null ? "" : `, answered a test question in ${formatSeconds(answeredInMs)}`;
    return { status: "ok", found: `online at ${url}${answered}` };
  }
  if (!isSetUp && state === "absent") return notSetUp;
  if (problem === null || state === "starting") {
    return { status: "warning", found: `starting at ${url}`, remedy: "heros status --watch" };
  }
  return state === "degraded" ? failedBy(problem) : warnedBy(problem);
}

export interface ServicesAsked extends Limit {
  readonly docker: DockerAnswer["state"];
  readonly stackDir: string;
  /** The stack's own service. */
  readonly own: string;
  /** The command that starts them. */
  readonly start: string;
  readonly troubleOf: Installation["troubleOf"];
  /** How the stack answers, for whom a container is unhealthy by Docker's word. */
  readonly voice: () => Promise<Voice>;
}

/** So many are asked about: where one brings others down, it is among the first. */
const mostExplained = 4;

export async function assessServices(
  listing: Listing | Late,
  { docker, limitMs, stackDir, own, start, troubleOf, voice }: ServicesAsked,
): Promise<Finding> {
  if (lacksDocker(docker)) return withoutDocker;
  if (listing === late || listing.error === "late") return lateFinding({ limitMs });
  if (listing.error !== null) return withoutDocker;
  const { containers } = listing;
  if (containers.length === 0) {
    return { status: "warning", found: "no container is running", remedy: start };
  }
  const broken = containers
    .filter((each) => isBroken(each, own))
    .toSorted((one, other) => Number(other.service === own) - Number(one.service === own));
  const [first] = broken;
  if (first === undefined) {
    const waiting = containers.filter(({ state }) => state === "created");
    if (waiting.length > 0) {
      const names = waiting.map(({ service }) => service).join(", ");
      return { status: "warning", found: `not started: ${names}`, remedy: start };
    }
    const running = containers.filter(({ state }) => state !== "exited").length;
    return { status: "ok", found: `${running} running` };
  }
  const found = broken
    .map(({ service, state, exitCode }) => `${service} ${whatHappened(state, exitCode)}`)
    .join("; ");
  const [troubles, answers] = await Promise.all([
    Promise.all(
      broken.slice(0, mostExplained).map(async (container): Promise<Told> => {
        return { container, trouble: await troubleOf(container) };
      }),
    ),
    broken.some(({ state }) => state === "unhealthy") ? voice() : null,
  ]);
  for (const { container, trouble } of troubles) {
    if (trouble !== late && stopsStack(container, trouble, { own, voice: answers ?? "silent" })) {
      const { failure } = trouble;
      return { status: "failed", found, remedy: failure.hint, failure };
    }
  }
  const trouble = troubles[0]?.trouble ?? late;
  if (trouble === late) {
    const log = inFolder(stackDir, `docker compose logs ${quoted(first.service)}`);
    return { status: "warning", found, remedy: `Check its log: ${log}` };
  }
  const again = wasStopped(first, trouble) ? `${start} starts it again. ` : "";
  return { status: "warning", found, remedy: `${again}${trouble.failure.hint}` };
}

interface Told {
  readonly container: Container;
  readonly trouble: ContainerTrouble | Late;
}

/** Whether a setup would end with it. */
function stopsStack(
  container: Container,
  trouble: ContainerTrouble,
  { own, voice }: { readonly own: string; readonly voice: Voice },
): boolean {
  const { isNeeded } = trouble;
  if (!isNeeded || wasStopped(container, trouble)) return false;
  const isOwn = container.service === own;
  return container.state !== "unhealthy" || isUnheard({ isOwn, isNeeded, voice });
}

/** Of a program that somebody stopped, with docker or by ending heros: a start brings it back. */
const stopStatuses = new Set([0, 130, 137, 143]);

function wasStopped({ state, exitCode }: Container, { outOfMemory }: ContainerTrouble): boolean {
  return state === "exited" && stopStatuses.has(exitCode) && !outOfMemory;
}

/** How it answers, as the watch over its containers takes it. */
export function voiceOf(health: HealthFound | Late): Voice {
  if (health === late || health.state === "absent") return "silent";
  return health.state === "online" ? "healthy" : "unwell";
}

/** @param own the stack's service */
function isBroken({ service, state, exitCode }: Container, own: string): boolean {
  // A helper of the user's own may end in order; the stack never does.
  if (state === "exited") return exitCode !== 0 || service === own;
  return state === "restarting" || state === "unhealthy";
}

/** Files of a setup that wrote none yet are nobody's fault. */
export function assessFiles(
  found: FilesFound | Late,
  { isSetUp, limitMs, stackDir }: SetUp & { readonly stackDir: string },
): Finding {
  if (found === late) return lateFinding({ limitMs });
  const { failure, files, openEnv } = found;
  if (failure !== null) return failedBy(failure);
  if (!isSetUp) return notSetUp;
  if (files.length === 0 && openEnv === null) {
    return { status: "ok", found: `up to date, in ${stackDir}` };
  }
  const told = files.map((file) => `${path.basename(file.path)} ${fileWords[file.state]}`);
  const open = openEnv === null ? [] : ["other users can read .env, which holds passwords"];
  const isEdited = files.some(({ state }) => state === "edited");
  const again = isEdited
    ? "heros setup writes it again and keeps a copy. Put changes of your own into docker-compose.override.yml."
    : "heros setup";
  const fixes = [
    ...(openEnv === null ? [] : [`chmod 600 ${quoted(openEnv)}`]),
    ...(files.length === 0 ? [] : [again]),
  ];
  return {
    status: "warning",
    found: `${[...told, ...open].join(", ")}, in ${stackDir}`,
    remedy: fixes.join(", then "),
  };
}

const fileWords = {
  missing: "is missing",
  edited: "is edited by hand",
  outdated: "is outdated",
  unnamed: `does not name ${herosFile} in COMPOSE_FILE`,
} as const;

export function assessMounts(mounts: MountsFound | null | Late, { limitMs }: Limit): Finding {
  if (mounts === late) return lateFinding({ limitMs });
  if (mounts === null)
    return { status: "skipped", found: "{assistant}'s container is not running" };
  const { container, real, wanted } = mounts;
  if (real === wanted) return { status: "ok", found: wanted };
  return {
    status: "warning",
    found:
      real === null
        ? `${container} has no models mounted, and downloads its own`
        : `${container} reads ${real} instead of ${wanted}`,
    remedy: "heros setup starts the container again with the right folder",
  };
}
