import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { Host } from "../../host/host.ts";
import type { RunRequest } from "../../host/processes.ts";
import type { Container, Engine, Tell } from "./engine.ts";
import { answerImages, type CommandAnswer } from "./images.ts";
import { isMap, loadProject, type Project } from "./project.ts";

/** Answers `docker …` as a Spark's would. What it does not know it refuses, so that nothing is taken for done. */
export async function answerDocker(
  request: RunRequest,
  { host, engine }: { readonly host: Host; readonly engine: Engine },
): Promise<CommandAnswer> {
  const args = [...(request.args ?? [])];
  const verb = args.shift() ?? "";
  if (verb === "--version")
    return { exitCode: 0, stdout: `Docker version ${versions.docker}, build demo\n` };
  if (verb === "info") {
    const images = (await engine.images.list()).length;
    return { exitCode: 0, stdout: `${JSON.stringify(dockerInfo(images))}\n` };
  }
  if (verb === "version") return { exitCode: 0, stdout: `${describeVersion(args)}\n` };
  if (verb === "context" && args[0] === "inspect") {
    return { exitCode: 0, stdout: "unix:///var/run/docker.sock\n" };
  }
  // No other stack is on this machine.
  if (verb === "ps") return { exitCode: 0, stdout: "" };
  if ((verb === "volume" || verb === "network") && args[0] === "inspect") {
    return { exitCode: 1, stdout: "[]\n" };
  }
  if (verb === "compose") return answerCompose(args, request, { host, engine });
  return (await answerImages(verb, args, { request, images: engine.images })) ?? refuse(request);
}

function describeVersion(args: readonly string[]): string {
  if (!args.includes("{{json .Server}}")) return versions.docker;
  const Components = [{ Name: "Engine", Version: versions.docker }];
  return JSON.stringify({ Platform: { Name: "" }, Components, Version: versions.docker });
}

interface ComposeCall {
  readonly verb: string;
  readonly flags: ReadonlySet<string>;
  /** Services. */
  readonly names: readonly string[];
  readonly folder: string;
  readonly files: readonly string[];
  readonly tail: number;
  readonly json: boolean;
  readonly jsonProgress: boolean;
}

const globalsWithValue = new Set([
  "--project-directory",
  "-f",
  "--file",
  "--env-file",
  "-p",
  "--project-name",
  "--progress",
  "--profile",
  "--ansi",
  "--parallel",
]);
const flagsWithValue = new Set([
  "--format",
  "--tail",
  "-n",
  "--wait-timeout",
  "--timeout",
  "-t",
  "--since",
  "--until",
  "--pull",
  "--scale",
  "--hash",
]);

function readCall(args: readonly string[], cwd: string): ComposeCall {
  const globals: [string, string][] = [];
  const values = new Map<string, string>();
  const flags = new Set<string>();
  const names: string[] = [];
  let verb = "";
  for (let index = 0; index < args.length; index++) {
    const [flag = "", inline] = (args[index] ?? "").split(/=(.*)/s);
    const takesValue = verb === "" ? globalsWithValue : flagsWithValue;
    if (takesValue.has(flag)) {
      const value = inline ?? args[++index] ?? "";
      if (verb === "") globals.push([flag, value]);
      else values.set(flag, value);
    } else if (flag.startsWith("-")) flags.add(flag);
    else if (verb === "") verb = flag;
    else names.push(flag);
  }
  const last = (...keys: string[]) => globals.findLast(([key]) => keys.includes(key))?.[1];
  const tail = values.get("--tail") ?? values.get("-n");
  return {
    verb,
    flags,
    names,
    folder: resolve(cwd, last("--project-directory") ?? "."),
    files: globals.filter(([key]) => key === "-f" || key === "--file").map(([, value]) => value),
    tail: tail === undefined || tail === "all" ? Infinity : Number(tail),
    json: values.get("--format") === "json",
    jsonProgress: last("--progress") === "json",
  };
}

async function answerCompose(
  args: readonly string[],
  request: RunRequest,
  { host, engine }: { readonly host: Host; readonly engine: Engine },
): Promise<CommandAnswer> {
  const call = readCall(args, request.cwd ?? host.cwd);
  if (call.verb === "version" || (call.verb === "" && call.flags.has("--version"))) {
    const short = call.flags.has("--short");
    return {
      exitCode: 0,
      stdout: `${short ? "" : "Docker Compose version v"}${versions.compose}\n`,
    };
  }
  let project: Project;
  try {
    const env = knownOf({ ...host.env, ...request.env });
    project = await loadProject(host.files, {
      folder: call.folder,
      files: call.files,
      env,
      input: typeof request.input === "string" ? request.input : "",
      raw: call.flags.has("--no-interpolate"),
    });
  } catch (error) {
    return { exitCode: 1, stderr: `${messageOf(error)}\n` };
  }
  const unknown = call.names.find(
    (name) => !project.services.some((service) => service.name === name),
  );
  if (unknown !== undefined) return { exitCode: 1, stderr: `no such service: ${unknown}\n` };
  switch (call.verb) {
    case "config":
      return { exitCode: 0, stdout: describeProject(project, call) };
    case "up":
      return tellSteps(call, request, (tell, { signal }) =>
        engine.up(project, call.names, tell, signal),
      );
    case "ps":
      return { exitCode: 0, stdout: await listContainers(call, engine) };
    case "logs":
      return { exitCode: 0, stdout: readLogs(call, engine) };
    case "down":
    case "stop":
      await engine.down();
      return { exitCode: 0 };
    case "pull":
      return tellSteps(call, request, (tell, { signal }) =>
        engine.pull(project, call.names, tell, signal),
      );
    default:
      return refuse(request);
  }
}

async function tellSteps(
  { jsonProgress }: ComposeCall,
  request: RunRequest,
  work: (tell: Tell, request: RunRequest) => Promise<void>,
): Promise<CommandAnswer> {
  let stderr = "";
  const print = (line: string) => {
    stderr += `${line}\n`;
    request.onLine?.(line, "stderr");
  };
  const tell: Tell = (id, step) => {
    const status = step.endsWith("ing") && step !== "Running" ? "Working" : "Done";
    print(jsonProgress ? JSON.stringify({ id, status, text: step }) : ` ${id}  ${step}`);
  };
  try {
    await work(tell, request);
    return { exitCode: 0, stderr };
  } catch (error) {
    request.signal?.throwIfAborted();
    print(messageOf(error));
    return { exitCode: 1, stderr };
  }
}

async function listContainers(
  { names, json, flags }: ComposeCall,
  engine: Engine,
): Promise<string> {
  const chosen = engine
    .containers()
    .filter(({ service }) => names.length === 0 || names.includes(service.name));
  const rows = await Promise.all(chosen.map((container) => containerRow(container, engine)));
  const shown =
    flags.has("-a") || flags.has("--all") ? rows : rows.filter(({ State }) => State === "running");
  return lines(shown.map((row) => (json ? JSON.stringify(row) : `${row.Name}  ${row.Status}`)));
}

async function containerRow(container: Container, engine: Engine) {
  const { service, project, annie } = container;
  const exitCode = service.endsByItself ? 0 : (annie?.exitCode() ?? null);
  const running = exitCode === null;
  const health = running ? await engine.health(container) : "";
  const name = `${project}-${service.name}-1`;
  return {
    ID: createHash("sha256").update(name).digest("hex").slice(0, 12),
    Name: name,
    Names: name,
    Project: project,
    Service: service.name,
    Image: service.image,
    State: running ? "running" : "exited",
    Health: health,
    ExitCode: exitCode ?? 0,
    Status: running ? `Up${health === "" ? "" : ` (${health})`}` : `Exited (${exitCode})`,
    Publishers: service.publishedPorts.map((port) => ({
      URL: "127.0.0.1",
      TargetPort: port,
      PublishedPort: port,
      Protocol: "tcp",
    })),
  };
}

function readLogs({ names, tail, flags }: ComposeCall, engine: Engine): string {
  const chosen = engine
    .containers()
    .filter(({ service }) => names.length === 0 || names.includes(service.name));
  const all = chosen.flatMap(({ service, annie }) => {
    const ready = service.endsByItself
      ? "[bootstrap] all models are cached (demo)"
      : `${service.name} is ready (demo)`;
    const said = annie?.logLines ?? [ready];
    const last = tail === Infinity ? said : said.slice(Math.max(0, said.length - tail));
    return flags.has("--no-log-prefix") ? last : last.map((line) => `${service.name}-1  | ${line}`);
  });
  return lines(all);
}

function refuse({ args = [], input }: RunRequest): CommandAnswer {
  if (typeof input === "object") input.destroy();
  return { exitCode: 125, stderr: `the demo's docker does not know: docker ${args.join(" ")}\n` };
}

function lines(rows: readonly string[]): string {
  return rows.map((row) => `${row}\n`).join("");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A variable that is undefined is taken out of the environment, not set. */
function knownOf(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

export const versions = { docker: "29.1.3", compose: "5.0.1" } as const;

/** `docker info --format '{{json .}}'` of a Spark, as far as anyone asks. */
export function dockerInfo(images = 0) {
  return {
    ID: "00000000-0000-0000-0000-000000000000",
    Containers: 0,
    ContainersRunning: 0,
    Images: images,
    Driver: "overlayfs",
    DriverStatus: [["driver-type", "io.containerd.snapshotter.v1"]],
    Architecture: "aarch64",
    OSType: "linux",
    OperatingSystem: "Ubuntu 24.04.3 LTS",
    KernelVersion: "6.14.0-1013-nvidia",
    NCPU: 20,
    MemTotal: 127_535_084 * 1024,
    DockerRootDir: "/var/lib/docker",
    Name: "spark-demo",
    ServerVersion: versions.docker,
    Runtimes: {
      "io.containerd.runc.v2": { path: "runc" },
      nvidia: { path: "nvidia-container-runtime" },
      runc: { path: "runc" },
    },
    DefaultRuntime: "runc",
    CDISpecDirs: ["/etc/cdi", "/var/run/cdi"],
    DiscoveredDevices: [
      { Source: "cdi", ID: "nvidia.com/gpu=0" },
      { Source: "cdi", ID: "nvidia.com/gpu=all" },
    ],
    ServerErrors: null,
    Warnings: null,
    ClientInfo: {
      Version: versions.docker,
      Plugins: [{ Name: "compose", Version: `v${versions.compose}` }],
    },
  };
}

/** What `docker compose config` prints of a stack. */
export function describeProject(
  { name, services, model }: Project,
  { flags, json }: { readonly flags: ReadonlySet<string>; readonly json: boolean },
): string {
  if (flags.has("-q") || flags.has("--quiet")) return "";
  if (flags.has("--services")) return descriptionLines(services.map((service) => service.name));
  if (flags.has("--images")) return descriptionLines(services.map((service) => service.image));
  const merged = { name, ...(model as object), services: describeServices(services, model) };
  return json ? `${JSON.stringify(merged, null, 2)}\n` : descriptionLines([JSON.stringify(merged)]);
}

/** As merged; ports in the long form, as compose has them here. */
function describeServices(services: Project["services"], model: Project["model"]): object {
  const all = isMap(model) && isMap(model["services"]) ? model["services"] : {};
  return Object.fromEntries(
    services.map(({ name, ports }) => [
      name,
      { ...(all[name] as object), ...(ports.length === 0 ? {} : { ports }) },
    ]),
  );
}

function descriptionLines(rows: readonly string[]): string {
  return rows.map((row) => `${row}\n`).join("");
}
