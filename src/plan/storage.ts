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

/** How Annie's containers get the models. */
export type ModelsMount =
  | { readonly kind: "folder" }
  | { readonly kind: "volume"; readonly name: string }
  | ({ readonly kind: "nfs" } & NfsExport);

export interface NfsExport {
  /** A name or an address; that of IPv6 without its brackets. */
  readonly server: string;
  /** Absolute, on the server. */
  readonly path: string;
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
