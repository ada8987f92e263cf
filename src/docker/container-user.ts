import type { Host } from "../host/host.ts";
import type { StackService } from "./compose.ts";
import { findUserInImage, readImageSettings } from "./image-contents.ts";

/** Whom a container runs as, by numbers. */
export interface ContainerUser {
  readonly uid: number;
  /** Null where only the image's own files would tell. */
  readonly gid: number | null;
}

interface UserRequest {
  readonly host: Pick<Host, "processes">;
  readonly signal: AbortSignal;
}

/** The user that a service's container runs as, by its compose file, else by its image; null where nobody says. @throws AbortError */
export async function askContainerUser(
  { host, signal }: UserRequest,
  { user = "", image }: Pick<StackService, "user" | "image">,
): Promise<ContainerUser | null> {
  const asked = image === undefined ? null : { host, image, signal };
  const named =
    user !== "" ? user : asked === null ? null : ((await readImageSettings(asked))?.user ?? null);
  if (named === null) return null;
  const [name = "", group = ""] = named.split(":");
  const isRoot = name === "" || name === "root" || /^0+$/.test(name);
  const gid = /^\d+$/.test(group) ? Number(group) : isRoot && group === "" ? 0 : null;
  if (isRoot) return { uid: 0, gid };
  if (/^\d+$/.test(name)) return { uid: Number(name), gid };
  const uid = asked === null ? null : await findUserInImage(asked, name);
  return uid === null ? null : { uid, gid };
}
