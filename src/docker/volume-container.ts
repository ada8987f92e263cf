import { createHash } from "node:crypto";
import path from "node:path";
import { type RemoteFiles, listenForFiles } from "../host/remote-files/listen.ts";
import type { FileRoute, Host } from "../host/host.ts";
import { lastLine } from "./compose.ts";

/** What a container mounts, as `docker run --mount` takes it, without the place in the container. */
export type VolumeMount = readonly string[];

export interface VolumeRequest {
  readonly host: Pick<Host, "files" | "fileLocks" | "processes" | "clock">;
  readonly mount: VolumeMount;
  /** The path under which both sides know the files. */
  readonly folder: string;
  /** Where locks of its files are taken, for two heros of one user: no lock reaches out of the container. */
  readonly locksDir: string;
  readonly signal: AbortSignal;
}

const image = "heros-volume:1";
/** Root in the container, who may do no more than open files whoever they belong to, and become who owns the volume. */
const containerArgs = [
  "run --detach --rm --network none --user 0:0 --cap-drop ALL",
  "--cap-add DAC_OVERRIDE --cap-add SETUID --cap-add SETGID",
].flatMap((line) => line.split(" "));
const patienceMs = 30_000;
const removeMs = 10_000;

/**
 * Opens the files of a volume through a container that has it mounted and in which heros itself, from its own folder and with
 * this machine's libraries, reads and writes them. The container has nothing else: no network, no token, an image without a
 * file. It ends with heros.
 * @throws Error that says in docker's words why it can't be; AbortError
 */
export async function openVolume(request: VolumeRequest): Promise<FileRoute> {
  const { host, folder, locksDir, signal } = request;
  await requireImage(host, signal);
  const place = await listenForFiles();
  const end = new AbortController();
  try {
    const node = await host.files.realpath("/proc/self/exe");
    const readOnly = ["/usr", "/lib", "/lib64", node, place.programRoot.replace(/\/$/, "")];
    const there = await Promise.all(
      readOnly.map((each) => host.files.stat(each).catch(() => null)),
    );
    const inUsr = (each: string) => each.startsWith("/usr/");
    const libraries = readOnly.filter((each, index) => there[index] !== null && !inUsr(each));
    const started = await host.processes.run({
      command: "docker",
      args: [
        ...containerArgs,
        ...libraries.flatMap((each) =>
          mountArgs(["type=bind", `source=${each}`, "readonly"], each),
        ),
        ...mountArgs(["type=bind", `source=${place.folder}`], place.folder),
        ...mountArgs(request.mount, folder),
        "--entrypoint",
        node,
        image,
        place.program,
        place.socketPath,
        folder,
      ],
      timeoutMs: patienceMs,
      signal,
    });
    if (started.exitCode !== 0) throw new Error(lastLine(started.stderr));
    const id = started.stdout.trim();
    const stop = AbortSignal.any([signal, end.signal]);
    const ended = host.processes
      .run({
        command: "docker",
        args: ["logs", "--follow", id],
        signal: stop,
        timeoutMs: patienceMs,
      })
      .then(({ stderr, stdout }) => {
        throw new Error(lastLine(stderr) || lastLine(stdout) || "the container does not answer");
      });
    ended.catch(() => {});
    const remote = await Promise.race([place.opened(stop), ended]);
    return routeOf(remote, { host, folder, locksDir });
  } finally {
    end.abort();
    await place.close();
  }
}

function mountArgs(options: readonly string[], target: string): readonly string[] {
  return ["--mount", [...options, `target=${target}`].map(csvField).join(",")];
}

/** Docker reads mounts as a line of CSV. */
function csvField(field: string): string {
  return /[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** An image without a file, which needs no registry: an archive without an entry is one. */
async function requireImage(
  { processes }: Pick<Host, "processes">,
  signal: AbortSignal,
): Promise<void> {
  const known = await processes.run({
    command: "docker",
    args: ["image", "inspect", "--format", "{{.Id}}", image],
    timeoutMs: patienceMs,
    signal,
  });
  if (known.exitCode === 0) return;
  const made = await processes.run({
    command: "docker",
    args: ["import", "-", image],
    input: "\0".repeat(1024),
    timeoutMs: patienceMs,
    signal,
  });
  if (made.exitCode !== 0) throw new Error(lastLine(made.stderr));
}

/** Removes that image, where there is one and nothing uses it. */
export async function removeVolumeImage(
  { processes }: Pick<Host, "processes">,
  signal: AbortSignal,
): Promise<void> {
  const args = ["image", "rm", image];
  await processes.run({ command: "docker", args, timeoutMs: removeMs, signal });
}

function routeOf(
  remote: RemoteFiles,
  { host, folder, locksDir }: Pick<VolumeRequest, "host" | "folder" | "locksDir">,
): FileRoute {
  const lockOf = (file: string) =>
    path.join(locksDir, createHash("sha256").update(file).digest("hex").slice(0, 32));
  return {
    folder,
    ...remote,
    fileLocks: {
      async acquire(file) {
        await host.files.mkdir(locksDir, { recursive: true, mode: 0o700 });
        return host.fileLocks.acquire(lockOf(file));
      },
      release: (file) => host.fileLocks.release(lockOf(file)),
    },
  };
}
