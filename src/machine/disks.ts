import { lookAtPlace, type Place } from "../host/place.ts";
import type { DiskSpace } from "../run/events/machine.ts";
import type { DockerAnswer } from "../docker/info.ts";
import { askLsblk, findDevice, type BlockDevice } from "./lsblk.ts";
import { late, withinLimit, type Late, type Probe } from "../host/time-limit.ts";

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
  const listed = askLsblk(probe);
  const spot = async (purpose: DiskSpace["purpose"], path: string): Promise<Spot> => {
    const [place, devices] = await Promise.all([
      withinLimit(probe, () => lookAtPlace(probe.host, path)),
      listed,
    ]);
    return describeSpot({ purpose, path }, place, devices);
  };
  return {
    models: spot("models", modelsPath),
    stack: spot("stack", stackDir),
    images: docker.then(async (answer) =>
      distinctSpots(await Promise.all(imagePaths(answer).map((path) => spot("images", path)))),
    ),
  };
}

/** A place, and what it lies on. */
export interface Spot {
  /** Null where it does not answer in time: then its file system hangs. */
  readonly place: Place | null;
  /** Null where nobody tells the space. */
  readonly space: DiskSpace | null;
  readonly rotational: boolean;
  /** lsblk gave no answer in time, so that less is known of the spot. */
  readonly silent: boolean;
}

/** Puts together what the place itself, the mount table and lsblk said. */
export function describeSpot(
  { purpose, path }: Pick<DiskSpace, "purpose" | "path">,
  place: Place | Late,
  devices: readonly BlockDevice[] | Late,
): Spot {
  const silent = devices === late;
  if (place === late) return { place: null, space: null, rotational: false, silent };
  const { fileSystem, freeBytes, totalBytes } = place;
  const device = fileSystem === null || silent ? null : findDevice(devices, fileSystem.device);
  const space: DiskSpace | null =
    freeBytes === null || totalBytes === null
      ? null
      : {
          purpose,
          path,
          device: device?.name ?? fileSystem?.device ?? null,
          deviceModel: device?.disk.model ?? null,
          nvme: device?.disk.nvme ?? null,
          freeBytes,
          totalBytes,
        };
  return { place, space, rotational: device?.disk.rotational ?? false, silent };
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
  const mountOf = ({ place }: Spot): string | null => place?.fileSystem?.mount ?? null;
  return spots.filter((spot, index) => {
    const mount = mountOf(spot);
    return mount === null || spots.findIndex((other) => mountOf(other) === mount) === index;
  });
}
