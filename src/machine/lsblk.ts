import { z } from "zod";
import type { RunResult } from "../host/processes.ts";
import { late, withinLimit, type Late, type Probe } from "../host/time-limit.ts";
import { parseJson } from "../run/json.ts";

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
