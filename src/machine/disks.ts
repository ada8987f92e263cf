import { dirname } from "node:path";
import type { FileSystem } from "../host/system.ts";
import type { DiskSpace } from "../progress/events/machine.ts";
import type { DockerAnswer } from "./docker-info.ts";
import { askLsblk, findDevice, type BlockDevice } from "./lsblk.ts";
import { late, withinLimit, type Late, type Probe } from "./time-limit.ts";

/** Where something of heros goes: the folder itself, or the nearest one above it that is there already. */
export interface Place {
  /** Links followed. */
  readonly existing: string;
  readonly writable: boolean;
  /** As the kernel counts them for this place; null where it does not say. */
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
}

const writeAccess = 2;

export interface DiskQuestions {
  readonly models: Promise<Spot>;
  readonly stack: Promise<Spot>;
  /** One for each file system that Docker keeps images on. */
  readonly images: Promise<readonly Spot[]>;
}

/** Asks for the space where heros and Docker put things. Only the images wait for Docker to say where. */
export function askDisks(
  probe: Probe,
  {
    modelsPath,
    stackDir,
    docker,
  }: {
    readonly modelsPath: string;
    readonly stackDir: string;
    readonly docker: Promise<DockerAnswer>;
  },
): DiskQuestions {
  const listed = Promise.all([askFileSystems(probe), askLsblk(probe)]);
  const spot = async (purpose: DiskSpace["purpose"], path: string): Promise<Spot> => {
    const [place, [fileSystems, devices]] = await Promise.all([askPlace(probe, path), listed]);
    return describeSpot({ purpose, path }, place, { fileSystems, devices });
  };
  return {
    models: spot("models", modelsPath),
    stack: spot("stack", stackDir),
    images: docker.then(async (answer) =>
      distinctSpots(await Promise.all(imagePaths(answer).map((path) => spot("images", path)))),
    ),
  };
}

/** Looks at the place without changing anything. `late` where the file system hangs. */
export async function askPlace(probe: Probe, path: string): Promise<Place | Late> {
  const { files } = probe.host;
  return withinLimit(probe, async () => {
    const existing = await nearest(probe, path);
    const [writable, space] = await Promise.all([
      files.access(existing, writeAccess).then(
        () => true,
        () => false,
      ),
      files.statfs(existing).catch(() => null),
    ]);
    return {
      existing,
      writable,
      freeBytes: space === null ? null : space.bavail * space.bsize,
      totalBytes: space === null ? null : space.blocks * space.bsize,
    };
  });
}

async function nearest({ host }: Pick<Probe, "host">, path: string): Promise<string> {
  try {
    return await host.files.realpath(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : nearest({ host }, parent);
  }
}

/** The mounted file systems. The question hangs where a network disk is dead. */
export async function askFileSystems(probe: Probe): Promise<readonly FileSystem[] | Late> {
  return withinLimit(probe, () => probe.host.system.fileSystems().catch(() => []));
}

/** The file system that a folder is on: the one with the longest mount point above it. */
export function fileSystemOf(rows: readonly FileSystem[], path: string): FileSystem | null {
  const above = rows.filter(
    ({ mount }) => mount === "/" || path === mount || path.startsWith(`${mount}/`),
  );
  return above.reduce<FileSystem | null>(
    (best, row) => (best === null || row.mount.length >= best.mount.length ? row : best),
    null,
  );
}

/** A place, and what it lies on. */
export interface Spot {
  /** Null where nobody tells the space in time. */
  readonly space: DiskSpace | null;
  /** The folder that this user may not write to. */
  readonly unwritable: string | null;
  /** Null where the file system is not in the list. */
  readonly mount: string | null;
  readonly rotational: boolean;
  /** What gave no answer in time, so that less is known of the spot. */
  readonly silent: readonly string[];
}

export interface DiskAnswers {
  readonly fileSystems: readonly FileSystem[] | Late;
  readonly devices: readonly BlockDevice[] | Late;
}

/** Puts together what the list of file systems, lsblk and the place itself said. */
export function describeSpot(
  { purpose, path }: Pick<DiskSpace, "purpose" | "path">,
  place: Place | Late,
  { fileSystems, devices }: DiskAnswers,
): Spot {
  const rows = fileSystems === late ? [] : fileSystems;
  const row = fileSystemOf(rows, place === late ? path : place.existing);
  const device = row === null || devices === late ? null : findDevice(devices, row.device);
  const counted = place === late ? null : place;
  const freeBytes = row?.availableBytes ?? counted?.freeBytes ?? null;
  const totalBytes = row?.sizeBytes ?? counted?.totalBytes ?? null;
  const space: DiskSpace | null =
    freeBytes === null || totalBytes === null
      ? null
      : {
          purpose,
          path,
          device: device?.name ?? row?.device ?? null,
          deviceModel: device?.disk.model ?? null,
          nvme: device?.disk.nvme ?? null,
          freeBytes,
          totalBytes,
        };
  return {
    space,
    unwritable: counted === null || counted.writable ? null : counted.existing,
    mount: row?.mount ?? null,
    rotational: device?.disk.rotational ?? false,
    silent: [
      ...(place === late ? [path] : []),
      ...(fileSystems === late ? ["the list of file systems"] : []),
      ...(devices === late ? ["lsblk"] : []),
    ],
  };
}

/**
 * The places where Docker keeps images, one for each file system: its own folder, and containerd's, which a fresh Docker 29
 * uses. The one in use comes first.
 */
export function imagePaths(docker: DockerAnswer): readonly string[] {
  const info = docker.state === "running" ? docker.info : null;
  const own = info?.rootDir ?? "/var/lib/docker";
  const containerd = "/var/lib/containerd";
  return info?.containerdImages === true ? [containerd, own] : [own, containerd];
}

/** Two folders on one file system are one place. */
export function distinctSpots(spots: readonly Spot[]): readonly Spot[] {
  return spots.filter(
    ({ mount }, index) =>
      mount === null || spots.findIndex((other) => other.mount === mount) === index,
  );
}
