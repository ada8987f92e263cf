import { z } from "zod";
import type { RunResult } from "../host/processes.ts";
import { parseJson } from "../run/json.ts";
import { lookAtPlace, type Place } from "../host/places.ts";
import type { DiskSpace } from "../run/events/machine.ts";
import type { DockerAnswer } from "../docker/engine.ts";
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

/** A disk, a partition or what lies upon one, with the disk under it. */
export interface BlockDevice {
  /** `nvme0n1p2`. */
  readonly name: string;
  /** As the kernel calls it, where that differs: `dm-0`. */
  readonly kernelName: string;
  readonly disk: Disk;
}

export interface Disk {
  readonly name: string;
  readonly model: string | null;
  readonly nvme: boolean;
  /** A spinning disk. */
  readonly rotational: boolean;
}

export const lsblkArgs = ["--json", "--output", "NAME,KNAME,ROTA,MODEL,TRAN"] as const;

/** Every block device. Without an answer the disks only lack their names. */
export async function askLsblk(probe: Probe): Promise<readonly BlockDevice[] | Late> {
  const result = await withinLimit(probe, (signal) =>
    probe.host.processes.run({ command: "lsblk", args: lsblkArgs, signal }),
  );
  return result === late ? late : parseLsblk(result);
}

// util-linux before 2.33 writes every value as a string, later ones numbers and booleans.
const text = z.string().nullish().catch(null);

const flag = z
  .union([
    z.boolean(),
    z.enum(["0", "1"]).transform((value) => value === "1"),
    z.literal([0, 1]).transform(Boolean),
  ])
  .nullish()
  .catch(null);

const device = z.object({
  name: z.string(),
  kname: text,
  rota: flag,
  model: text,
  tran: text,
  get children() {
    return z.array(device).nullish();
  },
});

const output = z.object({ blockdevices: z.array(device) });

type Row = z.infer<typeof device>;

export function parseLsblk({ stdout }: Pick<RunResult, "stdout">): readonly BlockDevice[] {
  const parsed = output.safeParse(parseJson(stdout));
  return parsed.success ? parsed.data.blockdevices.flatMap((row) => flatten(row, diskOf(row))) : [];
}

function flatten(row: Row, disk: Disk): BlockDevice[] {
  return [
    { name: row.name, kernelName: row.kname ?? row.name, disk },
    ...(row.children ?? []).flatMap((child) => flatten(child, disk)),
  ];
}

function diskOf(row: Row): Disk {
  return {
    name: row.name,
    model: row.model?.trim() || null,
    nvme: row.tran === "nvme" || /^nvme\d/.test(row.name),
    // Virtual disks call themselves rotational too, whatever they lie on.
    rotational: row.rota === true && ["ata", "sata", "sas", "usb"].includes(row.tran ?? ""),
  };
}

/** @param device as file systems name it: `/dev/nvme0n1p2`, `/dev/mapper/vg-root` */
export function findDevice(devices: readonly BlockDevice[], path: string): BlockDevice | null {
  const name = path.replace(/^\/dev\/(mapper\/)?/, "");
  return devices.find((one) => one.name === name || one.kernelName === name) ?? null;
}
