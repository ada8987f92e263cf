import path from "node:path";
import { needsOf } from "../../checks/clashes.ts";
import { ownerWords } from "../../checks/port.ts";
import { stackPlace } from "../../deploy/compose/core-service.ts";
import { findPlannedStack } from "../../deploy/compose/read-stack.ts";
import { findBaseFile, isSetUp } from "../../deploy/compose/compose-files.ts";
import { lookupIn, readStackEnv } from "../../deploy/compose/env/env-file.ts";
import type { Host } from "../../host/host.ts";
import { answerLimitMs, type Probe } from "../../host/time-limit.ts";
import { askPort } from "../../machine/port.ts";
import type { OtherPort } from "../../run/events/plan.ts";
import type { Notice } from "../../run/events/run.ts";
import type { SetupRequest, Work } from "../command-request.ts";

type Place = Pick<SetupRequest, "catalog" | "stackDir" | "assetsDir" | "port">;

/** Another port that the stack can have where its own is taken; null where it is not, where none is near, and where its compose file sets it. */
export async function findOtherPort(
  { host, signal }: Pick<Work, "host" | "signal">,
  { catalog, stackDir, assetsDir, port }: Place,
): Promise<OtherPort | null> {
  const core = catalog.stack;
  if (core.port === null || (await host.network.portIsFree(port))) return null;
  const stack = await findPlannedStack({ host, stack: core, stackDir, assetsDir, port });
  const file = stack?.file ?? (await findBaseFile(host, stackDir));
  const place = { stackDir, folders: [], file, port };
  const ports = stack === null ? [] : needsOf(core, stack.config, place).ports;
  const probe: Probe = { host, signal, limitMs: answerLimitMs(host) };
  const wanted = new Set(ports.map((each) => each.port));
  const answer = await askPort(probe, {
    port,
    projectDir: path.dirname(file),
    core: core.service,
    wanted,
  });
  if (answer.state !== "taken" || answer.other === null) return null;
  const owner = ownerWords(answer.owner);
  const moved = await stackPlace(host, core, stackDir, answer.other);
  if (owner === null || moved.port !== answer.other) return null;
  return { port: answer.other, instead: port, by: owner.by };
}

/**
 * The same for a setup that nobody told a port, before anything is at the usual one: a stack that was set up keeps its port,
 * and so does one whose `.env` names it.
 */
export async function findUnnamedPort(
  work: Pick<Work, "host" | "signal">,
  place: Place,
): Promise<OtherPort | null> {
  const { host } = work;
  if ((await isNamedInEnv(host, place)) || (await isSetUp(host, place.stackDir))) {
    return null;
  }
  return findOtherPort(work, place);
}

/** A file that can't be read is told of later. */
async function isNamedInEnv(host: Host, { catalog, stackDir }: Place): Promise<boolean> {
  const { port } = catalog.stack;
  const env = await readStackEnv(host, stackDir).catch(() => null);
  return env !== null && port !== null && (lookupIn(env)(port.variable) ?? "") !== "";
}

export function otherPortNotice({ port, instead, by }: OtherPort): Notice {
  return {
    type: "notice",
    level: "warning",
    code: "port.chosen",
    message: `Port ${instead} is in use by ${by}. {assistant} gets port ${port}.`,
    hint: "To choose another one: heros setup --port N",
  };
}
