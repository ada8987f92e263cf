import path from "node:path";
import { askClashes } from "../../checks/ask-clashes.ts";
import { clashFailure } from "../../checks/clashes.ts";
import type { Stack } from "../../catalog/stack.ts";
import { stackPlace } from "../../deploy/compose/core-service.ts";
import { findBaseFile, isSetUp, stackFlag } from "../../deploy/compose/compose-files.ts";
import { startStack } from "../../deploy/compose/start.ts";
import { composeFailure } from "../../docker/compose-failures.ts";
import { readStackConfig, runCompose, type StackConfig } from "../../docker/compose.ts";
import { containerTeller, listContainers } from "../../docker/containers.ts";
import { askEnginePlace } from "../../docker/engine.ts";
import { askStack } from "../../health/health.ts";
import { answerLimitMs } from "../../host/time-limit.ts";
import type { StackAction } from "../../run/failures/stack.ts";
import { failure } from "../../run/failures/table.ts";
import { chooseStack } from "./choose-stack.ts";
import { healthQuestion } from "./health-question.ts";
import type { Work } from "../command-request.ts";
import { type GatheredSettings, ofStack } from "../gather-settings.ts";
import { placeModels } from "../models-place.ts";
import { laptopLines } from "../setup/closing-summary.ts";

/** What `heros up | down | restart | logs | open` are asked. */
export type StackOrder =
  | { readonly action: "up" | "down" | "restart" | "open" }
  | {
      readonly action: "logs";
      /** None: all of them. */
      readonly services: readonly string[];
      readonly follow: boolean;
      /** A number of lines, or "all". */
      readonly tail: string;
    };

/**
 * Words over compose, in the folder of the stack and with its own `.env`.
 * @returns the sentences of the closing page
 * @throws Failure `stack.folder_missing` (1), `stack.service_unknown` (2), those of docker (4, 1), and of a stack that is not there; AbortError
 */
export async function operateStack(
  given: Work,
  asked: GatheredSettings,
  order: StackOrder,
): Promise<readonly string[]> {
  const settings = await chooseStack(given, asked);
  const work = ofStack(given, settings);
  const { host } = work;
  const { stackDir } = settings;
  if (!(await isSetUp(host, stackDir))) {
    throw failure("stack.folder_missing", { needs: "stack", folder: stackDir });
  }
  switch (order.action) {
    case "up":
      return up(work, settings);
    case "down":
      await compose(work, stackDir, { action: "down" });
      return ["{assistant} is stopped. Volumes, images and models are kept."];
    case "restart":
      await compose(work, stackDir, { action: "restart" });
      await tellContainers(work, stackDir);
      return ["{assistant}'s containers were restarted.", whenOnline];
    case "logs":
      await showLogs(work, stackDir, order);
      return [];
    case "open":
      return open(work, settings);
  }
}

const whenOnline = "When it is online: heros status";

async function up(work: Work, settings: GatheredSettings): Promise<string[]> {
  const { cacheDir, stackDir, port } = await placeModels(work, settings);
  const { host, emit, signal } = work;
  const { stack } = settings.catalog;
  const place = await stackPlace(host, stack, stackDir, port);
  const config = await requireUnclaimed(work, { stack, stackDir, port: place.port });
  const known = { version: null, config };
  await startStack({ host, stack, emit, signal, stackDir, cacheDir, port: place.port, known });
  return ["{assistant}'s containers are started.", whenOnline];
}

/**
 * What others have is told before anything starts, all of it.
 * @returns the stack as compose merges it; null where compose does not say
 * @throws Failure `stack.clashes`, `stack.project_taken` (4)
 */
async function requireUnclaimed(
  { host, signal }: Work,
  {
    stack,
    stackDir,
    port,
  }: { readonly stack: Stack; readonly stackDir: string; readonly port: number },
): Promise<StackConfig | null> {
  const config = await readStackConfig({ host, stackDir, signal });
  if (config === null) return null;
  const file = await findBaseFile(host, stackDir);
  const probe = { host, signal, limitMs: answerLimitMs(host) };
  const places = { stackDir, projectDir: path.dirname(file), port };
  const clashes = await askClashes(probe, { core: stack, stack: { config, file }, ...places });
  const taken = clashFailure(clashes ?? []);
  if (taken !== null) throw taken;
  return config;
}

/** @throws Failure in docker's own words */
async function compose(
  { host, emit, signal }: Work,
  stackDir: string,
  {
    action,
    args = [],
    onLine,
  }: {
    readonly action: StackAction;
    readonly args?: readonly string[];
    readonly onLine?: (line: string) => void;
  },
): Promise<void> {
  emit({ type: "stack.command", command: ["docker compose", action, ...args].join(" ") });
  const result = await runCompose({
    host,
    stackDir,
    signal,
    args: [action, ...args],
    ...(onLine === undefined
      ? {}
      : {
          keepsNoOutput: true,
          onLine: (line, stream) => (stream === "stdout" ? onLine(line) : undefined),
        }),
  });
  if (result.exitCode === 0) return;
  const place = await askEnginePlace(host, signal);
  throw composeFailure({ ...result, stackDir, place, action });
}

async function tellContainers({ host, emit, signal }: Work, stackDir: string): Promise<void> {
  containerTeller(emit)((await listContainers({ host, stackDir, signal })).containers);
}

/** Of the terminal's, which compose puts before each line of a log, into a pipe too. */
const clearLine = "\u001b[2K";

async function showLogs(
  work: Work,
  stackDir: string,
  { services, follow, tail }: StackOrder & { readonly action: "logs" },
): Promise<void> {
  const { host, emit, signal } = work;
  const config = await readStackConfig({ host, stackDir, signal });
  const known = config === null ? services : Object.keys(config.services);
  const unknown = services.find((service) => !known.includes(service));
  if (unknown !== undefined) {
    throw failure("stack.service_unknown", { service: unknown, services: known, stackDir });
  }
  const { containers } = await listContainers({ host, stackDir, signal });
  const serviceOf = new Map(containers.map(({ name, service }) => [name, service]));
  await compose(work, stackDir, {
    action: "logs",
    args: ["--no-color", "--tail", tail, ...(follow ? ["--follow"] : []), ...services],
    onLine(printed) {
      const text = printed.startsWith(clearLine) ? printed.slice(clearLine.length) : printed;
      const [, name = "", line = text] = /^(\S+)\s+\| ?(.*)$/su.exec(text) ?? [];
      // Without a name of its own, a container is named after its service, with a number.
      const service = serviceOf.get(name) ?? name.replace(/-\d+$/u, "");
      emit({ type: "container.logged", service, line });
    },
  });
}

const openLimitMs = 10_000;

/** Opens the stack's page where there is a desktop, and says where it is. @throws Failure as `heros status`, where it does not answer */
async function open(
  { host, signal }: Work,
  { catalog, stackDir, port }: GatheredSettings,
): Promise<string[]> {
  const { stack } = catalog;
  const place = await stackPlace(host, stack, stackDir, port);
  const url = `http://${place.host}:${place.port}`;
  const start = `heros up${stackFlag(host, stack, stackDir)}`;
  const question = healthQuestion({ catalog, groups: [], stackDir, url, config: null });
  const { from, problem } = await askStack(host, { question, required: [], start, signal });
  // Whatever it lacks, its page can be opened.
  if (from !== "stack" && problem !== null) throw problem;
  const hasDesktop = ["DISPLAY", "WAYLAND_DISPLAY"].some((name) => (host.env[name] ?? "") !== "");
  if (hasDesktop) {
    const request = { command: "xdg-open", args: [url], timeoutMs: openLimitMs, signal };
    if ((await host.processes.run(request)).exitCode === 0) return [`Opened: ${url}`];
  }
  return [url, ...(await laptopLines(host, stack, stackDir, url))];
}
