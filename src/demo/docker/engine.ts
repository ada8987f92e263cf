import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Host } from "../../host/host.ts";
import type { AnnieConfig, RegisteredModel } from "../annie/models.ts";
import { createEngineImages, type EngineImages } from "./images.ts";
import type { Mount, Project, Service } from "./project.ts";

/** A container of the simulated engine. All but Annie's are a name and a time. */
export interface Container {
  readonly service: Service;
  readonly project: string;
  readonly startedAtMs: number;
  /** Null for all but Annie. */
  readonly annie: AnnieProcess | null;
}

/** One step of a container: "Container her-os-redis-1", "Started". */
export type Tell = (id: string, step: string) => void;

export interface EngineOptions {
  /** The machine as it is: its files, its clock, its ports. */
  readonly host: Host;
  /** Where Docker keeps volumes and what containers write. */
  readonly folder: string;
  readonly nodePath: string;
  readonly models: readonly RegisteredModel[];
  /** Of the demo's registry. */
  readonly registry: string;
  /** A tenth of a demo's start-up times at 10. */
  readonly speed: number;
}

export interface Engine {
  readonly images: EngineImages;
  /**
   * Starts what does not run yet of these services and those that they depend on, step by step, telling each; with no names, of
   * all. Images that are missing are pulled first. @throws Error with what docker would say
   */
  up(project: Project, names: readonly string[], tell: Tell, signal?: AbortSignal): Promise<void>;
  /** The images of these services, with no names of all, where they are missing. */
  pull(project: Project, names: readonly string[], tell: Tell, signal?: AbortSignal): Promise<void>;
  containers(): readonly Container[];
  /** As `docker compose ps` has it. */
  health(container: Container): Promise<"" | "starting" | "healthy" | "unhealthy">;
  down(): Promise<void>;
}

/** The service that Annie is. */
const annieService = "her-os-core";
const stepMs = 120;
const healthyAfterMs = 900;
const annieStartMs = 700;
/** A little faster than the demo's line: as on a Spark, the last layer is unpacked after all have come. */
const unpackBytesPerSecond = 8_000_000;

export function createEngine(options: EngineOptions): Engine {
  const { host, folder, nodePath, models, registry, speed } = options;
  const running = new Map<string, Container>();
  const images = createEngineImages({
    host,
    folder,
    registry,
    unpackBytesPerSecond: unpackBytesPerSecond * speed,
  });

  async function startOne(project: Project, service: Service): Promise<void> {
    let annie: AnnieProcess | null = null;
    if (service.name === annieService) {
      const [port] = service.publishedPorts;
      if (port === undefined) throw new Error(`service ${service.name} publishes no port`);
      if (!(await host.network.portIsFree(port))) {
        throw new Error(
          `Error response from daemon: failed to set up container networking: driver failed programming external connectivity on endpoint ${project.name}-${service.name}-1: failed to bind host port for 127.0.0.1:${port}:172.18.0.7:8000/tcp: address already in use`,
        );
      }
      annie = await startAnnie(nodePath, annieConfig(service, port));
    }
    const startedAtMs = host.clock.monotonicMs();
    running.set(service.name, { service, project: project.name, startedAtMs, annie });
  }

  function annieConfig(service: Service, port: number): AnnieConfig {
    const place = (variable: string) => {
      const path = service.environment[variable];
      return path === undefined || path === "" ? null : onMachine(path, service.mounts);
    };
    return {
      port,
      models,
      bakedModels: place("HER_OS_BAKED_MODELS"),
      hubCache: place("HF_HUB_CACHE"),
      home: place("HF_HOME"),
      startMs: annieStartMs / speed,
    };
  }

  /** Where a path of the container's is on this machine. */
  function onMachine(path: string, mounts: readonly Mount[]): string {
    const mount = mounts
      .filter(({ target }) => path === target || path.startsWith(`${target}/`))
      .toSorted((a, b) => b.target.length - a.target.length)[0];
    if (mount === undefined || mount.source === null) {
      return join(folder, "containers", annieService, path);
    }
    const root = mount.bind ? mount.source : join(folder, "volumes", mount.source, "_data");
    return join(root, path.slice(mount.target.length));
  }

  async function requireMounts(service: Service): Promise<void> {
    for (const { mustExist, source } of service.mounts) {
      if (!mustExist || source === null) continue;
      await host.files.access(source).catch((cause: unknown) => {
        throw new Error(
          `Error response from daemon: invalid mount config for type "bind": bind source path does not exist: ${source}`,
          { cause },
        );
      });
    }
  }

  function isUp(name: string): boolean {
    const container = running.get(name);
    if (container?.service.endsByItself === true) return false;
    return container !== undefined && (container.annie?.exitCode() ?? null) === null;
  }

  async function pullMissing(
    services: readonly Service[],
    tell: Tell,
    signal?: AbortSignal,
  ): Promise<void> {
    for (const image of new Set(services.map((service) => service.image))) {
      if (image === "" || (await images.find(image)) !== null) continue;
      tell(`Image ${image}`, "Pulling");
      await images.pull(image, () => {}, signal);
      tell(`Image ${image}`, "Pulled");
    }
  }

  return {
    images,
    async pull(project, names, tell, signal) {
      const isNamed = ({ name }: Service) => names.length === 0 || names.includes(name);
      await pullMissing(project.services.filter(isNamed), tell, signal);
    },
    async up(project, names, tell, signal) {
      const wanted = inStartOrder(project.services, names);
      const order = wanted.filter(({ name }) => !isUp(name));
      const title = (service: Service) => `Container ${project.name}-${service.name}-1`;
      await pullMissing(order, tell, signal);
      for (const service of wanted) {
        if (!order.includes(service)) tell(title(service), "Running");
      }
      for (const service of order) {
        await requireMounts(service);
        tell(title(service), "Creating");
        tell(title(service), "Created");
      }
      for (const service of order) {
        tell(title(service), "Starting");
        await host.clock.sleep(stepMs / speed, signal);
        await startOne(project, service);
        tell(title(service), "Started");
      }
    },
    containers: () => [...running.values()],
    async health(container) {
      if (!container.service.hasHealthCheck) return "";
      if (container.annie !== null) return container.annie.health();
      const ageMs = host.clock.monotonicMs() - container.startedAtMs;
      return ageMs >= healthyAfterMs / speed ? "healthy" : "starting";
    },
    async down() {
      const all = [...running.values()];
      running.clear();
      await Promise.all(all.flatMap(({ annie }) => (annie === null ? [] : [annie.stop()])));
    },
  };
}

/** These and what they depend on, which comes before them; with no names, all. */
function inStartOrder(services: readonly Service[], names: readonly string[]): Service[] {
  const order = new Set<Service>();
  const add = (name: string, above: readonly string[]): void => {
    const service = services.find((each) => each.name === name);
    if (service === undefined || above.includes(name)) return;
    for (const each of service.dependsOn) add(each, [...above, name]);
    order.add(service);
  };
  for (const name of names.length > 0 ? names : services.map((each) => each.name)) add(name, []);
  return [...order];
}

export interface AnnieProcess {
  readonly pid: number;
  /** What she said, the newest last. */
  readonly logLines: readonly string[];
  /** Null while she runs. */
  exitCode(): number | null;
  health(): Promise<"starting" | "healthy" | "unhealthy">;
  /** Ends when she has. */
  stop(): Promise<void>;
}

const keptLines = 500;

/** Starts the demo Annie. Her stdin is held open by this process alone, so she ends with it, even after kill -9. */
export async function startAnnie(nodePath: string, config: AnnieConfig): Promise<AnnieProcess> {
  // From source she is TypeScript, which Node runs as it is; from the build she is JavaScript.
  const extension = new URL(import.meta.url).pathname.endsWith(".ts") ? "ts" : "js";
  const entry = fileURLToPath(new URL(`../annie/main.${extension}`, import.meta.url));
  const child = spawn(nodePath, [entry], { env: {}, stdio: ["pipe", "pipe", "pipe"] });
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  child.stdin.on("error", () => {
    // She is gone: `exit` says so.
  });
  const logLines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      logLines.push(line);
      if (logLines.length > keptLines) logLines.shift();
    });
  }
  await once(child, "spawn");
  child.stdin.write(`${JSON.stringify(config)}\n`);
  return {
    pid: child.pid ?? 0,
    logLines,
    exitCode: () => child.exitCode ?? (child.signalCode === null ? null : 137),
    health: () => askHealth(config.port),
    async stop() {
      child.stdin.end();
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** As the container's health check asks: `curl -f /health`. */
function askHealth(port: number): Promise<"starting" | "healthy"> {
  return new Promise((resolve) => {
    const asked = request(
      { host: "127.0.0.1", port, path: "/health", timeout: 1000, agent: false },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200 ? "healthy" : "starting");
      },
    );
    asked.once("timeout", () => asked.destroy());
    asked.once("error", () => resolve("starting"));
    asked.end();
  });
}
