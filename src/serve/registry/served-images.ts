import { parseImageReference } from "../../source/oci/reference.ts";
import type { FileContent } from "../send-file.ts";
import type { Exchange, Refusal } from "../exchange.ts";

/** An image's repository, as its own registry knows it. */
export interface ServedRepository {
  /** `ghcr.io`, `docker.io` */
  readonly registry: string;
  /** `library/postgres` */
  readonly repository: string;
}

/** A manifest, or an index of some. */
export interface ServedManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** A layer, or a configuration. */
export interface ServedBlob {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly open: FileContent["open"];
}

/** Which images there are, and who may have them. Null: there is no such thing; a refusal says why a client may not have it. */
export interface ServedImages {
  /** @param reference a tag or a digest */
  findManifest(
    exchange: Exchange,
    repository: ServedRepository,
    reference: string,
  ): Promise<ServedManifest | Refusal | null>;
  findBlob(
    exchange: Exchange,
    repository: ServedRepository,
    digest: string,
  ): Promise<ServedBlob | Refusal | null>;
  tags(exchange: Exchange, repository: ServedRepository): Promise<readonly string[] | Refusal>;
}

/** `ghcr.io/acme/core`; without a registry it is Docker Hub's. Null for what is no repository's name. */
export function parseServedName(name: string): ServedRepository | null {
  try {
    const { registry, repository, tag, digest } = parseImageReference(name);
    return tag === "latest" && digest === null ? { registry, repository } : null;
  } catch {
    return null;
  }
}
