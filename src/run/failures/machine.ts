import { exitCodes, type Failure, row } from "../failure.ts";
import { formatDuration } from "../units.ts";

const again = "then run heros setup again.";

/** What is known of an image that could not be pulled, and what docker said of it. */
export interface ImageBlame {
  /** As the compose file names it. */
  readonly image: string | null;
  /** Where it lives: `ghcr.io`, `Docker Hub`. */
  readonly registry: string | null;
  readonly said: string;
}

interface Said {
  /** Docker's own words. */
  readonly said: string;
}

interface Remedy {
  /** A command, or a sentence, that solves it. */
  readonly remedy: string;
}

const restart = "Restart Docker (this interrupts every container): sudo systemctl restart docker";

const cantPull = ({ image }: ImageBlame) => `Can't pull ${image ?? "an image"}`;
const theImage = ({ image }: ImageBlame) => (image === null ? "An image" : `The image ${image}`);
const theRegistry = ({ registry }: ImageBlame) => registry ?? "its registry";
const isDockerHub = ({ registry }: ImageBlame) => registry === null || registry === "Docker Hub";
const login = (blame: ImageBlame) =>
  isDockerHub(blame) ? "docker login" : `docker login ${blame.registry}`;

/** What the machine lacks: it is no Spark, its GPU is silent, or Docker does not do what it should. */
export const machineFailures = {
  "machine.unsupported": row<{
    /** What was found instead: "x86_64", "no NVIDIA GPU". */
    readonly found: readonly string[];
  }>({
    exitCode: exitCodes.machine,
    message: ({ found }) => `This machine is not a DGX Spark: ${found.join(", ")}.`,
    hint: () => "heros is made for the DGX Spark. To try it here anyway, add --allow-unsupported.",
  }),
  "gpu.missing": row<{
    readonly found: string;
    readonly remedy: string;
  }>({
    exitCode: exitCodes.machine,
    message: ({ found }) => `The GPU does not respond: ${found}.`,
    hint: ({ remedy }) => `Fix: ${remedy}.`,
  }),
  /** What `heros doctor` ends with: the first of them says what to do, and with which exit status. */
  "doctor.problems": row<{ readonly first: Failure; readonly count: number }>({
    exitCode: ({ first }) => first.exitCode,
    message: ({ first, count }) =>
      count === 1
        ? first.message
        : `${count} problems prevent {assistant} from running. Fix this first: ${first.message}`,
    hint: ({ first }) => first.hint,
  }),
  "doctor.unknown_check": row<{
    readonly name: string;
    /** Checks that it may mean. */
    readonly close: readonly string[];
  }>({
    exitCode: exitCodes.usage,
    message: ({ name }) => `There is no check named "${name}".`,
    hint: ({ close }) =>
      close.length === 0
        ? "See all checks: heros doctor --list"
        : `Did you mean ${close.join(", ").replace(/, ([^,]+)$/, " or $1")}? See all checks: heros doctor --list`,
  }),
  "docker.missing": row({
    exitCode: exitCodes.machine,
    message: () => "Docker is not installed, and {assistant} runs in Docker containers.",
    hint: () => "Install it: curl -fsSL https://get.docker.com | sudo sh",
  }),
  "docker.daemon_down": row<{ address: string | null; remedy: string | null }>({
    exitCode: exitCodes.machine,
    message: ({ address }) =>
      address === null
        ? "Docker is installed, but not running."
        : `Docker is installed, but does not respond at ${address}.`,
    hint: ({ address, remedy }) =>
      remedy === null
        ? `Start the engine that listens at ${address ?? "its socket"}, or choose another with DOCKER_HOST.`
        : `Start it: ${remedy}`,
  }),
  "docker.no_permission": row<Remedy & { joined: boolean }>({
    exitCode: exitCodes.machine,
    message: () => "You don't have permission to use Docker.",
    hint: ({ remedy, joined }) => (joined ? remedy : `Run: ${remedy}.`),
  }),
  "docker.context_broken": row<Remedy & { name: string | null }>({
    exitCode: exitCodes.machine,
    message: ({ name }) =>
      `Docker's current context${name === null ? "" : `, "${name}",`} does not exist.`,
    hint: ({ remedy }) => `Switch to the default context: ${remedy}`,
  }),
  "docker.podman": row<Remedy>({
    exitCode: exitCodes.machine,
    message: () =>
      "The docker command here is Podman. {assistant} needs Docker Engine and Docker Compose.",
    hint: ({ remedy }) => `Install Docker: ${remedy}`,
  }),
  "docker.elsewhere": row<Remedy & { where: string }>({
    exitCode: exitCodes.machine,
    message: ({ where }) =>
      `The Docker engine is on another machine (${where}) and can't read the models on this one.`,
    hint: ({ remedy }) => `Use this machine's engine (${remedy}), or run heros on that machine.`,
  }),
  "docker.no_answer": row({
    exitCode: exitCodes.machine,
    message: () => "Docker does not respond.",
    hint: () => restart,
  }),
  "docker.gpu_unavailable": row<Said>({
    exitCode: exitCodes.machine,
    message: ({ said }) => `Containers can't use the GPU. Docker says: ${said}`,
    hint: () =>
      "Set it up (this restarts Docker): sudo apt-get install nvidia-container-toolkit && sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
  }),
  "docker.disk_full": row<Said>({
    exitCode: exitCodes.disk,
    message: ({ said }) => `The disk that holds Docker's images is full. Docker says: ${said}`,
    hint: () => `Free some space, for example with docker image prune, ${again}`,
  }),
  "docker.wrong_architecture": row<ImageBlame>({
    exitCode: exitCodes.machine,
    message: (blame) =>
      `${theImage(blame)} does not support this processor. Docker says: ${blame.said}`,
    hint: () => `Choose an image for this processor in the compose file, ${again}`,
  }),
  "docker.image_refused": row<ImageBlame>({
    exitCode: exitCodes.machine,
    message: (blame) => `Docker can't use ${blame.image ?? "an image"}. Docker says: ${blame.said}`,
    hint: () =>
      "Choose another image or tag in the compose file. A newer Docker may accept this one.",
  }),
  /** `why`: what docker says, or what is wrong with its archive. */
  "docker.image_not_saved": row<{ readonly image: string; readonly why: string }>({
    exitCode: exitCodes.machine,
    message: ({ image, why }) => `Docker can't hand on its image ${image}. ${why}`,
    hint: ({ image }) =>
      `Try it yourself: docker image save ${image} >/dev/null. If that fails too, pull the image again.`,
  }),
  /** What `heros pull --images` ends with where Docker is installed, and can't be used. `images`: "2 images". */
  "docker.images_not_given": row<{
    /** A sentence where nobody knows what to do about it. */
    readonly why: Failure | string;
    readonly images: string;
    readonly cacheDir: string;
  }>({
    exitCode: exitCodes.machine,
    message: ({ why, images, cacheDir }) =>
      `${typeof why === "string" ? why : why.message} The models are ready, and heros keeps ${images} in ${cacheDir} until it can give them to Docker.`,
    hint: ({ why }) =>
      typeof why === "string"
        ? "Run heros doctor, then this command again: nothing is downloaded twice."
        : why.hint,
  }),
  "docker.folder_unseen": row<Said & { folder: string | null }>({
    exitCode: exitCodes.machine,
    message: ({ folder, said }) =>
      `Docker can't access ${folder === null ? "the stack's folder" : `the folder ${folder}`}. Docker says: ${said}`,
    hint: () =>
      "With Docker Desktop, share the folder under Settings > Resources > File sharing. With Docker from a snap, choose folders in your home that aren't hidden: --stack-dir, --storage.",
  }),
  "docker.credentials": row<Said>({
    exitCode: exitCodes.machine,
    message: ({ said }) =>
      `Docker can't read its registry credentials, so it can't pull images. Docker says: ${said}`,
    hint: () => `Remove "credsStore" (or "credHelpers") from ~/.docker/config.json, ${again}`,
  }),
  "docker.pull_rate_limited": row<ImageBlame>({
    exitCode: exitCodes.network,
    message: (blame) =>
      `${cantPull(blame)}: ${theRegistry(blame)} limits downloads from this address. Docker says: ${blame.said}`,
    hint: (blame) => `Log in to raise the limit (${login(blame)}), or wait a while, ${again}`,
  }),
  "docker.registry_error": row<ImageBlame & { status: string }>({
    exitCode: exitCodes.network,
    message: (blame) =>
      `${cantPull(blame)}: ${theRegistry(blame)} has a server error (${blame.status}). Docker says: ${blame.said}`,
    hint: () => "Run heros setup again later.",
  }),
  "docker.pull_certificate": row<ImageBlame>({
    exitCode: exitCodes.network,
    message: (blame) =>
      `${cantPull(blame)}: Docker does not trust the certificate of ${theRegistry(blame)}. Docker says: ${blame.said}`,
    hint: (blame) =>
      `If your network has its own certificate authority, save its certificate as /etc/docker/certs.d/${isDockerHub(blame) ? "docker.io" : blame.registry}/ca.crt, ${again}`,
  }),
  "docker.pull_network": row<
    | ({ readonly how: "unreachable"; readonly proxy: boolean } & ImageBlame)
    | {
        readonly how: "silent";
        readonly silentMs: number;
        readonly images: readonly string[];
        readonly registry: string | null;
      }
  >({
    exitCode: exitCodes.network,
    message: (data) =>
      data.how === "silent"
        ? `Can't pull ${data.images.join(", ")}: ${data.registry ?? "the registry"} has sent nothing for ${formatDuration(data.silentMs / 1000)}.`
        : `${cantPull(data)}: Docker can't reach ${theRegistry(data)}. Docker says: ${data.said}`,
    hint: (data) => {
      if (data.how === "silent") {
        return `Check your connection, ${again} If it stalls again, restart Docker first (this interrupts every container): sudo systemctl restart docker`;
      }
      return data.proxy
        ? `Check Docker's proxy (docker info shows it), ${again}`
        : `Check your connection, ${again}`;
    },
  }),
  "docker.pull_refused": row<ImageBlame>({
    exitCode: exitCodes.failed,
    message: (blame) =>
      `${cantPull(blame)}: it does not exist on ${theRegistry(blame)}, or you don't have access. Docker says: ${blame.said}`,
    hint: (blame) => `Check its name in the compose file, or log in: ${login(blame)}`,
  }),
  /** `neverPulled`: by its `pull_policy`, so that no registry was asked. */
  "docker.image_missing": row<ImageBlame & { readonly neverPulled?: boolean }>({
    exitCode: exitCodes.failed,
    message: (blame) =>
      blame.neverPulled === true
        ? `Docker does not have ${blame.image ?? "an image"}, and may not pull it: its pull_policy is "never".`
        : `${cantPull(blame)}: it does not exist on ${theRegistry(blame)}. Docker says: ${blame.said}`,
    hint: ({ neverPulled }) =>
      neverPulled === true
        ? "Build it, or bring it with docker load. Or remove pull_policy from the compose file."
        : `Check its name and tag in the compose file, and the variable of .env that they may come from, ${again}`,
  }),
  "docker.no_network": row<Said>({
    exitCode: exitCodes.machine,
    message: ({ said }) => `Docker has no free addresses for another network. Docker says: ${said}`,
    hint: () => "Remove unused networks: docker network prune",
  }),
  "docker.firewall": row<Said>({
    exitCode: exitCodes.machine,
    message: ({ said }) => `Docker can't set up its firewall rules. Docker says: ${said}`,
    hint: () => restart,
  }),
  "docker.version_mismatch": row<Said>({
    exitCode: exitCodes.machine,
    message: ({ said }) =>
      `The docker command and the Docker engine have incompatible versions. Docker says: ${said}`,
    hint: () => "Update both: sudo apt-get install --only-upgrade docker-ce docker-ce-cli",
  }),
};
