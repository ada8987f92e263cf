import { exitCodes, row } from "../failure.ts";
import { quoted } from "../shell-quote.ts";
import { formatDuration, formatMoment } from "../units.ts";

/** A registry: `registry` as a person calls it ("Docker Hub", "ghcr.io"), `address` where it is asked. */
interface AtRegistry {
  readonly registry: string;
  readonly address: string;
  /** It was asked for a model of Ollama's, and not for an image. */
  readonly models?: true;
}

interface OfImage {
  /** As the compose file names it. */
  readonly image: string;
}

/** How much a registry allows. */
export interface PullQuota {
  readonly pulls: number;
  readonly windowMs: number;
}

type Limit = AtRegistry & {
  /** When the registry said to come back. */
  readonly until: Date | null;
  /** What it allows, where it says so. */
  readonly quota: PullQuota | null;
  readonly withLogin: boolean;
};

const login = (registry: string): string =>
  registry === "Docker Hub" ? "docker login" : `docker login ${quoted(registry)}`;
/** Where the name of what was asked for stands. */
const nameOf = ({ models }: Pick<AtRegistry, "models">): string =>
  models === true ? "the model's name" : "the image's name in the compose file";
const chooseAnother = "Choose another image or tag in the compose file.";
const continues = "it continues where it stopped.";

function limitHint({ registry, until, withLogin, models }: Limit): string {
  const again =
    until === null
      ? `Run heros again later: ${continues}`
      : `Run heros again after that: ${continues}`;
  return withLogin || models === true
    ? again
    : `${again} To raise the limit, log in: ${login(registry)}`;
}

/** Images, the registries that have them, and what stands between those and this machine. */
export const registryFailures = {
  "image.bad_name": row<OfImage & { readonly problem: string }>({
    exitCode: exitCodes.usage,
    message: ({ image, problem }) =>
      `${JSON.stringify(image)} is not a valid image name: ${problem}.`,
    hint: () => "Correct it in the compose file, or in the .env that it takes it from.",
  }),
  /** `lacks`: whether only its tag is missing there, or all of its repository. */
  "image.not_found": row<OfImage & AtRegistry & { readonly lacks: "tag" | "repository" }>({
    exitCode: exitCodes.usage,
    message: ({ image, registry, lacks }) =>
      lacks === "tag"
        ? `${registry} has no image ${image}: the repository has no such tag.`
        : `${registry} has no image ${image}, or it is private.`,
    hint: ({ registry, lacks }) =>
      lacks === "tag"
        ? "Check the tag in the compose file, and the variable of .env that it may come from."
        : `Check its name in the compose file. If it is private, log in: ${login(registry)}`,
  }),
  /** Registries refuse a repository that does not exist like one that is private. `said`: the registry's own words; `problem`: why Docker's saved login can't be had. */
  "image.denied": row<
    OfImage &
      AtRegistry & {
        readonly withLogin: boolean;
        readonly said: string | null;
        readonly problem: string | null;
      }
  >({
    exitCode: exitCodes.usage,
    message: ({ image, registry, withLogin, said }) => {
      const perhaps = withLogin ? "your account has no access to it" : "it is private";
      const words = said === null ? "" : ` ${registry} says: ${said}`;
      return `${registry} refuses ${image}: it does not exist, or ${perhaps}.${words}`;
    },
    hint: ({ registry, withLogin, problem }) => {
      const unreadable = problem === null ? "" : `Docker's saved login can't be read: ${problem}. `;
      return withLogin
        ? `Check its name in the compose file, or log in with an account that can read it: ${login(registry)}`
        : `${unreadable}Check its name in the compose file. If it is private, log in: ${login(registry)}`;
    },
  }),
  "image.no_platform": row<
    OfImage & { readonly platform: string; readonly available: readonly string[] }
  >({
    exitCode: exitCodes.machine,
    message: ({ image, platform, available }) =>
      available.length === 0
        ? `${image} has no image for ${platform}.`
        : `${image} has no image for ${platform}, only for ${available.join(", ")}.`,
    hint: () => chooseAnother,
  }),
  "image.unusable": row<OfImage & { readonly problem: string }>({
    exitCode: exitCodes.usage,
    message: ({ image, problem }) => `${image} can't be used: ${problem}.`,
    hint: () => chooseAnother,
  }),
  /** `part`: "manifest", "configuration". */
  "image.damaged": row<
    OfImage &
      AtRegistry & { readonly part: string; readonly expected: string; readonly found: string }
  >({
    exitCode: exitCodes.hash,
    message: ({ image, registry, part, expected, found }) =>
      `The ${part} of ${image} from ${registry} does not match its digest: expected ${expected}, got ${found}.`,
    hint: () =>
      "Run heros again. If it happens again, the registry's copy is damaged, or a proxy changes it.",
  }),
  "image.incomplete": row<OfImage & AtRegistry & { readonly digest: string }>({
    exitCode: exitCodes.network,
    message: ({ image, registry, digest }) =>
      `${registry} has lost a part of ${image}: there is no ${digest}.`,
    hint: () => `Run heros again later: ${continues} Or choose another tag in the compose file.`,
  }),
  "registry.login_refused": row<AtRegistry>({
    exitCode: exitCodes.usage,
    message: ({ registry }) => `${registry} rejected the login that Docker has saved.`,
    hint: ({ registry }) => `Log in again: ${login(registry)}`,
  }),
  /** A page for people where the registry's answer should be: a login page of a hotel, a proxy, a wrong name. */
  "registry.captive_portal": row<AtRegistry & { readonly what: string }>({
    exitCode: exitCodes.network,
    message: ({ registry, what }) => `${registry} did not answer like a registry: ${what}.`,
    hint: (at) =>
      `Open ${at.address}/v2/ in a browser on this machine: your network may require a login. Or check the proxy, and ${nameOf(at)}.`,
  }),
  "registry.redirect_loop": row<Pick<AtRegistry, "models"> & { readonly host: string }>({
    exitCode: exitCodes.network,
    message: ({ host }) => `Too many redirects from ${host}.`,
    hint: (at) => `Check the proxy, and ${nameOf(at)}.`,
  }),
  /** A registry out there must not make us ask what only this machine and its network can. */
  "registry.unsafe_redirect": row<AtRegistry & { readonly host: string }>({
    exitCode: exitCodes.network,
    message: ({ registry, host }) =>
      `${registry} redirected to ${host}, an address on this machine or its network, so heros did not follow.`,
    hint: (at) =>
      at.models === true
        ? `Check ${nameOf(at)}.`
        : `Check ${nameOf(at)}, and Docker's registry mirrors.`,
  }),
  "registry.tls": row<AtRegistry & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ registry, reason }) =>
      `The certificate of ${registry} can't be trusted (${reason}).`,
    hint: ({ models }) =>
      `Check the machine's date. If the registry has its own certificate, add it to the system's store, or set SSL_CERT_FILE to its path${models === true ? "." : ": heros does not read /etc/docker/certs.d."}`,
  }),
  /** One that wants a password, forbids the address, or is of a kind that heros can't use: `unusable` says which. */
  "registry.proxy": row<AtRegistry & { readonly status: number; readonly unusable: string | null }>(
    {
      exitCode: exitCodes.network,
      message: ({ registry, status, unusable }) =>
        unusable === null
          ? `The proxy refuses connections to ${registry}${status === 0 ? "" : ` (${status})`}.`
          : `${unusable}.`,
      hint: () =>
        "Set HTTPS_PROXY to an http:// proxy, with a user name and password if it needs them. NO_PROXY lists the hosts to reach without it.",
    },
  ),
  "registry.rate_limited": row<Limit>({
    exitCode: exitCodes.network,
    message: ({ registry, until, quota, withLogin }) => {
      if (until !== null)
        return `${registry} allows no more requests until ${formatMoment(until)}.`;
      const whose = withLogin ? "your account" : "this address";
      return quota === null
        ? `${registry} limits requests from ${whose}.`
        : `${registry} allows ${whose} ${quota.pulls} pulls every ${formatDuration(quota.windowMs / 1000)}, and they are used up.`;
    },
    hint: limitHint,
  }),
  "registry.server_error": row<AtRegistry & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ registry, reason }) => `${registry} has a problem: ${reason}.`,
    hint: () => `Run heros again later: ${continues}`,
  }),
  "registry.unreachable": row<AtRegistry & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ registry, reason }) => `Can't reach ${registry}: ${reason}.`,
    hint: ({ address }) => `Check the network and the proxy: curl -I ${quoted(`${address}/v2/`)}`,
  }),
};
