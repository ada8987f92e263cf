/**
 * Which room of `src` may import which: the table of docs/architecture.md as data.
 * A room is a folder of `src`; each writer in `src/ui` is a room of its own.
 */
export interface Room {
  /** Rooms it may import anything from. */
  readonly imports: readonly string[];
  /** Rooms it may import types from, and nothing that runs. */
  readonly types?: readonly string[];
  /** Single files of other rooms, by their path below `src`: an interface that several rooms speak. */
  readonly files?: readonly string[];
}

const writers = ["ui/ink", "ui/plain", "ui/json", "ui/accessible"];
const stages = [
  "docker",
  "catalog",
  "source",
  "store",
  "download",
  "machine",
  "health",
  "plan",
  "deploy",
  "checks",
];
/** What commands use beside the stages of a setup. */
const beside = ["record", "serve", "ssh", "release", "demo"];

export const rooms: Readonly<Record<string, Room>> = {
  run: { imports: [] },
  host: { imports: ["run"] },
  docker: { imports: ["run", "host"] },
  catalog: { imports: ["run", "host"] },
  source: { imports: ["run", "host"] },
  store: { imports: ["run", "host", "docker"] },
  // Whoever adds a source or a store writes a folder there, and no line here.
  download: {
    imports: ["run", "host"],
    files: ["source/source.ts", "source/retry-policy.ts", "store/store.ts"],
  },
  machine: { imports: ["run", "host", "docker"] },
  health: { imports: ["run", "host", "docker"], types: ["catalog"] },
  plan: { imports: ["run", "catalog"], types: ["machine"] },
  deploy: { imports: ["run", "host", "docker"], types: ["plan", "catalog"] },
  checks: {
    imports: ["run", "host", "machine", "docker", "catalog", "source", "store", "deploy", "health"],
  },
  record: { imports: ["run", "host"] },
  serve: { imports: ["run", "host", "source", "store", "download"] },
  ssh: { imports: ["run", "host"] },
  release: { imports: ["run", "host", "source", "store", "download"] },
  demo: { imports: ["run", "host", "catalog", "serve"] },
  commands: { imports: ["run", "host", ...stages, ...beside] },
  // What the writers share: their interface and their sentences.
  ui: { imports: ["run"], types: ["plan"] },
  "ui/ink": { imports: ["run", "plan", "ui"] },
  "ui/plain": { imports: ["run", "ui"] },
  "ui/json": { imports: ["run", "ui"] },
  "ui/accessible": { imports: ["run", "plan", "ui"] },
  cli: {
    imports: ["run", "host", ...stages, ...beside, "commands", "ui", ...writers],
  },
};

// Everybody else asks the Host, so that a test can be another world.
const doors = ["host", "cli", "demo"];

/** Packages that only these rooms may import. Types of Node's own are free. */
export const packages: Readonly<Record<string, readonly string[]>> = {
  ink: ["ui/ink"],
  react: ["ui/ink"],
  "@inkjs/ui": ["ui/ink"],
  commander: ["cli"],
  execa: ["host"],
  systeminformation: ["host"],
  "@huggingface/hub": ["source"],
  process: ["cli"],
  child_process: doors,
  dgram: doors,
  dns: doors,
  fs: doors,
  http: doors,
  https: doors,
  net: doors,
  tls: doors,
};

/** Files outside src/cli that are programs of their own, started as a process or a worker, and so may read `process`. */
export const entryPoints: readonly string[] = [
  "demo/annie/main.ts",
  "demo/hub/serve.ts",
  "host/remote-files/serve.ts",
  "store/hash-worker.ts",
];

/** The room of a path below `src`, written with "/"; null for a file in `src` itself. */
export function roomOf(path: string): string | null {
  const [first, second, third] = path.split("/");
  if (first === undefined || second === undefined) return null;
  const nested = `${first}/${second}`;
  return third !== undefined && nested in rooms ? nested : first;
}
