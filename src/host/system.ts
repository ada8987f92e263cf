export interface FileSystem {
  /** `/dev/nvme0n1p2`, or what the kernel calls it. */
  readonly device: string;
  readonly type: string;
  readonly mount: string;
  readonly sizeBytes: number;
  readonly availableBytes: number;
}

/** What the kernel says of memory and file systems. */
export interface System {
  memory(): Promise<{ readonly totalBytes: number; readonly availableBytes: number }>;
  fileSystems(): Promise<readonly FileSystem[]>;
}

/** By systeminformation, whose `mem` and `fsSize` are quick and right; its other calls block on tools without a time limit. Imported when first asked. */
export const realSystem: System = {
  async memory() {
    const { mem } = await import("systeminformation");
    const { total, available } = await mem();
    return { totalBytes: total, availableBytes: available };
  },
  async fileSystems() {
    const { fsSize } = await import("systeminformation");
    const rows = await fsSize();
    return rows.map((row) => ({
      device: row.fs,
      type: row.type,
      mount: row.mount,
      sizeBytes: row.size,
      availableBytes: row.available,
    }));
  },
};
