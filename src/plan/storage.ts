import { formatBytes } from "../run/units.ts";

/**
 * Where models live: the Hub cache that other programs share, a folder of the stack, an absolute path, a Docker volume by its
 * name, or a folder that an NFS server exports.
 */
export type StorageAnswer =
  | "hub-cache"
  | "stack-dir"
  | `/${string}`
  | `volume:${string}`
  | `nfs:${string}`;

/** How the stack's containers get the models. */
export type ModelsMount =
  | { readonly kind: "folder" }
  /** `below`: a folder in it; left out for all of it. */
  | { readonly kind: "volume"; readonly name: string; readonly below?: string }
  | ({ readonly kind: "nfs" } & NfsExport);

export interface NfsExport {
  /** A name or an address; that of IPv6 without its brackets. */
  readonly server: string;
  /** Absolute, on the server. */
  readonly path: string;
}

/** A Docker volume that an earlier install kept its models in. */
export interface FoundVolume {
  readonly name: string;
  /** Of all that is in it; null where it can't be looked into. */
  readonly bytes: number | null;
}

const folder: ModelsMount = { kind: "folder" };

/** Whether a value answers the question of the storage. */
export function isStorage(value: string): value is StorageAnswer {
  if (value === "hub-cache" || value === "stack-dir") return true;
  if (value.startsWith("/")) return !value.includes("\0");
  return mountOf(value).kind !== "folder";
}

/** How containers mount what an answer names; any that is neither a volume nor an export is a folder of this machine. */
export function mountOf(storage: string): ModelsMount {
  // As Docker takes it: what begins otherwise is a path.
  const volume = /^volume:([a-zA-Z0-9][\w.-]+)$/.exec(storage)?.[1];
  if (volume !== undefined) return { kind: "volume", name: volume };
  // The server stands among mount options, where a comma would begin another one.
  const [, ipv6, name, path] =
    /^nfs:(?:\[([\da-fA-F:.]+)\]|([\w.-]+)):(\/[^\0\n]*)$/.exec(storage) ?? [];
  const server = ipv6 ?? name;
  return server === undefined || path === undefined ? folder : { kind: "nfs", server, path };
}

/** Such a volume as a choice. */
export function volumeOption({ name, bytes }: FoundVolume) {
  const held = bytes === null ? "Models" : `${formatBytes(bytes)} of models`;
  return {
    value: `volume:${name}`,
    label: `Docker volume ${name}`,
    detail: `${held} of an earlier install, which are reused.`,
    locked: false,
  };
}

/** How the models get into containers, in the review; null where their folder says it all. */
export function mountLine(storage: string): string | null {
  const mount = mountOf(storage);
  if (mount.kind === "folder") return null;
  if (mount.kind === "volume") return `Containers get them from the Docker volume ${mount.name}`;
  return `Containers get them by NFS from ${storage.slice("nfs:".length)}`;
}
