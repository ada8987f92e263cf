import path from "node:path";
import type { DockerAnswer } from "../docker/engine.ts";
import type { Container, Listing } from "../docker/containers.ts";
import { late, type Late, type Probe } from "../host/time-limit.ts";
import { adviceFor, whatHappened } from "../run/failures/annie.ts";
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
import type { AnnieFound, FilesFound, Installation, MountsFound } from "./installation.ts";

type Limit = Pick<Probe, "limitMs">;
/** Whether Annie was set up here. */
type SetUp = { readonly isSetUp: boolean } & Limit;

export const notSetUp = { status: "skipped", found: "not set up yet" } as const;

export function assessAnnie(annie: AnnieFound | Late, { isSetUp, limitMs }: SetUp): Finding {
  if (annie === late) return lateFinding({ limitMs });
  const { state, url, problem, answeredInMs } = annie;
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
  /** Annie's own service. */
  readonly own: string;
  /** The command that starts them. */
  readonly start: string;
  /** Why one of them probably fails. */
  readonly causeOf: Installation["causeOf"];
}

export async function assessServices(
  listing: Listing | Late,
  { docker, limitMs, stackDir, own, start, causeOf }: ServicesAsked,
): Promise<Finding> {
  if (lacksDocker(docker)) return withoutDocker;
  if (listing === late || listing.error === "late") return lateFinding({ limitMs });
  if (listing.error !== null) return withoutDocker;
  const { containers } = listing;
  if (containers.length === 0) {
    return { status: "warning", found: "no container is running", remedy: start };
  }
  const broken = containers.filter((each) => isBroken(each, own));
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
  const cause = await causeOf(first);
  const advice = cause === null || cause === late ? "" : `${adviceFor(cause, first.service)} `;
  const log = inFolder(stackDir, `docker compose logs ${quoted(first.service)}`);
  return {
    status: "warning",
    found: broken
      .map(({ service, state, exitCode }) => `${service} ${whatHappened(state, exitCode)}`)
      .join("; "),
    remedy: `${advice}${advice === "" ? "" : "Check its log: "}${log}`,
  };
}

/** @param own Annie's service */
function isBroken({ service, state, exitCode }: Container, own: string): boolean {
  // A helper of the user's own may end in order; Annie never does.
  if (state === "exited") return exitCode !== 0 || service === own;
  return state === "restarting" || state === "unhealthy";
}

/** Files of a setup that wrote none yet are nobody's fault. */
export function assessFiles(
  found: FilesFound | Late,
  { isSetUp, limitMs, stackDir }: SetUp & { readonly stackDir: string },
): Finding {
  if (found === late) return lateFinding({ limitMs });
  const { failure, files } = found;
  if (failure !== null) return failedBy(failure);
  if (!isSetUp) return notSetUp;
  if (files.length === 0) return { status: "ok", found: `up to date, in ${stackDir}` };
  const words = { missing: "missing", edited: "edited by hand", outdated: "outdated" } as const;
  const told = files.map((file) => `${path.basename(file.path)} is ${words[file.state]}`);
  const isEdited = files.some(({ state }) => state === "edited");
  return {
    status: "warning",
    found: `${told.join(", ")}, in ${stackDir}`,
    remedy: isEdited
      ? "heros setup writes it again and keeps a copy. Put changes of your own into docker-compose.override.yml."
      : "heros setup",
  };
}

export function assessMounts(mounts: MountsFound | null | Late, { limitMs }: Limit): Finding {
  if (mounts === late) return lateFinding({ limitMs });
  if (mounts === null) return { status: "skipped", found: "Annie's container is not running" };
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
