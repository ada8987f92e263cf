import { failure } from "../../run/failures/table.ts";

/** An image's name as Docker reads it. */
export interface ImageReference {
  /** As the compose file has it. */
  readonly name: string;
  /** `host` or `host:port`; Docker Hub is `docker.io`. */
  readonly registry: string;
  /** `library/redis` */
  readonly repository: string;
  /** Null only beside a digest; a name with neither means `latest`. */
  readonly tag: string | null;
  /** Counts before the tag. */
  readonly digest: string | null;
}

/** The registry of names that have none. */
export const dockerHub = "docker.io";

const component = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const pathPattern = new RegExp(`^${component}(?:/${component})*$`, "u");
const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const registryPattern = new RegExp(
  `^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`,
  "u",
);
const tagPattern = /^\w[\w.-]{0,127}$/u;
const digestPattern = /^sha256:[0-9a-f]{64}$/u;
const maxNameLength = 255;

/** The tag or the digest that a manifest is asked for by. */
export function revisionOf({ tag, digest }: Pick<ImageReference, "tag" | "digest">): string {
  return digest ?? tag ?? "latest";
}

export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/**
 * Reads an image's name by the grammar of github.com/distribution/reference: what stands before the first "/" is a registry
 * where it has a dot, a port or a capital, or is `localhost`; else the image is Docker Hub's.
 * @throws Failure `image.bad_name` (exit 2)
 */
export function parseImageReference(name: string): ImageReference {
  const refuse = (problem: string) => failure("image.bad_name", { image: name, problem });
  if (/^[0-9a-f]{64}$/u.test(name)) throw refuse("it is an image ID, which no registry knows");
  const [first = "", ...others] = name.split("/");
  const named = others.length > 0 && (/[.:A-Z]/u.test(first) || first === "localhost");
  const registry = !named || first === "index.docker.io" ? dockerHub : first;
  const { path, tag, digest } = splitRevision(named ? others.join("/") : name);
  const repository = registry === dockerHub && !path.includes("/") ? `library/${path}` : path;
  if (!registryPattern.test(registry) || URL.parse(`https://${registry}`) === null) {
    throw refuse(`${JSON.stringify(registry)} is not the address of a registry`);
  }
  if (/[A-Z]/u.test(path)) throw refuse("the name must be lower-case");
  if (!pathPattern.test(repository)) throw refuse("the name has a part that is not allowed");
  if (registry.length + 1 + repository.length > maxNameLength) {
    throw refuse(`the name is longer than ${maxNameLength} characters`);
  }
  if (tag !== null && !tagPattern.test(tag)) throw refuse("the tag is not valid");
  if (digest !== null && !digestPattern.test(digest)) {
    throw refuse("the digest must be sha256: and 64 digits from 0 to 9 and a to f");
  }
  return { name, registry, repository, tag: tag ?? (digest === null ? "latest" : null), digest };
}

/** `path[:tag][@digest]` in its parts, not checked. */
function splitRevision(text: string): { path: string; tag: string | null; digest: string | null } {
  const at = text.indexOf("@");
  const digest = at === -1 ? null : text.slice(at + 1);
  const rest = at === -1 ? text : text.slice(0, at);
  const colon = rest.indexOf(":");
  return colon === -1
    ? { path: rest, tag: null, digest }
    : { path: rest.slice(0, colon), tag: rest.slice(colon + 1), digest };
}

const prefix = "oci:";

/** An image's repository as sources and stores name it: `oci:docker.io/library/redis`. */
export function repoOfImage({
  registry,
  repository,
}: Pick<ImageReference, "registry" | "repository">): string {
  return `${prefix}${registry}/${repository}`;
}

/** The same in its parts; null where it is no image's. */
export function parseImageRepo(
  repo: string,
): Pick<ImageReference, "registry" | "repository"> | null {
  if (!repo.startsWith(prefix)) return null;
  const slash = repo.indexOf("/");
  const registry = repo.slice(prefix.length, slash);
  const repository = repo.slice(slash + 1);
  const sound = slash > prefix.length && registryPattern.test(registry);
  return sound && pathPattern.test(repository) ? { registry, repository } : null;
}
