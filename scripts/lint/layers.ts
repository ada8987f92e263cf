/**
 * Which room of `src` may import which: the table of docs/architecture.md as data.
 * A room is a folder of `src`; each writer in `src/ui` is a room of its own.
 */
export interface Room {
  /** Rooms it may import anything from. */
  readonly imports: readonly string[];
  /** Rooms it may import types from, and nothing that runs. */
  readonly types?: readonly string[];
}

const stages = ["catalog", "machine", "plan", "hub", "download", "stack", "annie"];
const writers = ["ui/ink", "ui/plain", "ui/json", "ui/accessible"];

export const rooms: Readonly<Record<string, Room>> = {
  progress: { imports: [] },
  host: { imports: [] },
  catalog: { imports: ["progress"] },
  docker: { imports: ["host", "progress"] },
  machine: { imports: ["docker", "host", "progress"] },
  plan: { imports: ["catalog", "progress"], types: ["machine"] },
  hub: { imports: ["host", "progress"] },
  download: { imports: ["host", "hub", "progress"] },
  stack: { imports: ["docker", "host", "progress"], types: ["plan"] },
  annie: { imports: ["host", "progress"] },
  demo: { imports: ["catalog", "host", "progress"] },
  setup: { imports: [...stages, "host", "progress"] },
  // What the writers share: their interface and their sentences.
  ui: { imports: ["progress"], types: ["plan"] },
  "ui/ink": { imports: ["ui", "plan", "progress"] },
  "ui/plain": { imports: ["ui", "progress"] },
  "ui/json": { imports: ["ui", "progress"] },
  "ui/accessible": { imports: ["ui", "plan", "progress"] },
  cli: { imports: [...stages, ...writers, "demo", "host", "progress", "setup", "ui"] },
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
  "@huggingface/hub": ["hub"],
  process: ["cli"],
  child_process: doors,
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
  "download/check-worker.ts",
  "download/hash-worker.ts",
];

/** The room of a path below `src`, written with "/"; null for a file in `src` itself. */
export function roomOf(path: string): string | null {
  const [first, second, third] = path.split("/");
  if (first === undefined || second === undefined) return null;
  const nested = `${first}/${second}`;
  return third !== undefined && nested in rooms ? nested : first;
}
