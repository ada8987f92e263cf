import type { CoreOf } from "../deploy/compose/core-service.ts";
import type { StackConfig } from "../docker/compose.ts";
import { askContainers, askResources, type EngineContainer } from "../docker/containers.ts";
import type { Host } from "../host/host.ts";
import { realOf } from "../host/places.ts";
import type { Probe } from "../host/time-limit.ts";
import { askPort, type PortAnswer } from "../machine/port.ts";
import { errorCode } from "../run/failure.ts";
import type { Clash } from "../run/failures/stack.ts";
import { findClashes, type HeldContainer, needsOf } from "./clashes.ts";

/** A stack as it is, or as it would be written. */
export interface PlannedStack {
  readonly config: StackConfig;
  /** The first of its compose files. */
  readonly file: string;
}

export interface ClashRequest {
  readonly core: CoreOf;
  readonly stack: PlannedStack;
  readonly stackDir: string;
  /** By which compose knows its containers. */
  readonly projectDir: string;
  /** Where the stack is to answer. */
  readonly port: number;
  /** Who has that one, where it is asked already. */
  readonly own?: Promise<PortAnswer>;
}

/** A stack has few; a file may say anything. */
const mostNeeds = 200;

/** What the stack can't have on this machine; null where the engine does not answer. @throws AbortError */
export async function askClashes(
  probe: Probe,
  { core, stack, stackDir, projectDir, port, own }: ClashRequest,
): Promise<readonly Clash[] | null> {
  const { host } = probe;
  const folders = await Promise.all([stackDir, projectDir].map((each) => realOf(host.files, each)));
  const needs = needsOf(core, stack.config, { stackDir, folders, file: stack.file, port });
  const names = (needed: typeof needs.volumes) =>
    needed.slice(0, mostNeeds).map(({ name }) => name);
  const [containers, volumes, networks] = await Promise.all([
    askContainers(probe),
    askResources(probe, "volume", names(needs.volumes)),
    askResources(probe, "network", names(needs.networks)),
  ]);
  if (containers === null || volumes === null || networks === null) return null;
  const wanted = new Set(needs.ports.map((each) => each.port));
  const ask = async (one: number) =>
    one === port && own !== undefined
      ? own
      : askPort(probe, { port: one, projectDir, core: core.service, containers, wanted });
  const tcp = needs.ports.filter(({ protocol }) => protocol === "tcp").slice(0, mostNeeds);
  const answers = tcp.map(async (each) => [each.port, await ask(each.port)] as const);
  const held = await Promise.all(containers.map((each) => holder(host, each, needs.project)));
  const ports = new Map(await Promise.all(answers));
  return findClashes(needs, { containers: held, volumes, networks, ports });
}

/** Only of the same project it matters whether its files are still there. */
async function holder(
  host: Host,
  container: EngineContainer,
  project: string | null,
): Promise<HeldContainer> {
  const { projectDir, projectFile } = container;
  const folder = projectDir === null ? null : await realOf(host.files, projectDir);
  const isNear = project !== null && container.project === project;
  const isMoved = isNear && projectFile !== null && (await isGone(host, projectFile));
  return { ...container, folder, isMoved };
}

/** A file that this user may not look at is there. */
function isGone(host: Host, file: string): Promise<boolean> {
  return host.files.lstat(file).then(
    () => false,
    (error: unknown) => /^(?:ENOENT|ENOTDIR)$/.test(errorCode(error) ?? ""),
  );
}
