import { exitCodes } from "../exit-codes.ts";
import { formatDuration } from "../units.ts";
import { row } from "./row.ts";

const again = "then run heros setup again.";

/** What is known of an image that could not be had, and what docker said of it. */
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

const theImage = ({ image }: ImageBlame) => (image === null ? "An image" : `The image ${image}`);
const theRegistry = ({ registry }: ImageBlame) => registry ?? "its registry";
const isDockerHub = ({ registry }: ImageBlame) => registry === null || registry === "Docker Hub";
const login = (blame: ImageBlame) =>
  isDockerHub(blame) ? "docker login" : `docker login ${blame.registry}`;

export const dockerFailures = {
  "docker.missing": row({
    exitCode: exitCodes.machine,
    message: () => "Docker is not installed on this machine, and Annie runs in its containers.",
    hint: () => "Install it with: curl -fsSL https://get.docker.com | sudo sh",
  }),
  "docker.daemon_down": row<{ address: string | null; remedy: string | null }>({
    exitCode: exitCodes.machine,
    message: ({ address }) =>
      `Docker is installed, but does not answer${address === null ? "" : ` at ${address}`}.`,
    hint: ({ address, remedy }) =>
      remedy === null
        ? `Start the engine that listens at ${address ?? "its socket"}, or choose another one with DOCKER_HOST.`
        : `Start it with: ${remedy}`,
  }),
  "docker.no_permission": row<Remedy & { joined: boolean }>({
    exitCode: exitCodes.machine,
    message: () => "Docker runs, but you may not use it yet.",
    hint: ({ remedy, joined }) => (joined ? remedy : `Run: ${remedy}.`),
  }),
  "docker.context_broken": row<Remedy & { name: string | null }>({
    exitCode: exitCodes.machine,
    message: ({ name }) =>
      `Docker is set to the context${name === null ? "" : ` "${name}"`}, which does not exist.`,
    hint: ({ remedy }) => `Go back to the default one: ${remedy}`,
  }),
  "docker.podman": row<Remedy>({
    exitCode: exitCodes.machine,
    message: () =>
      "The docker command here is Podman; Annie needs Docker Engine and its compose plugin.",
    hint: ({ remedy }) => `Install Docker with: ${remedy}`,
  }),
  "docker.elsewhere": row<Remedy & { where: string }>({
    exitCode: exitCodes.machine,
    message: ({ where }) =>
      `Docker's engine is on another machine (${where}), which can't see the models on this one.`,
    hint: ({ remedy }) => `Use this machine's engine (${remedy}), or run heros over there.`,
  }),
  "docker.no_answer": row({
    exitCode: exitCodes.machine,
    message: () => "Docker does not answer.",
    hint: () => "Restart it with: sudo systemctl restart docker",
  }),
  "docker.gpu_unavailable": row<Said>({
    exitCode: exitCodes.machine,
    message: ({ said }) => `Docker can't give the GPU to containers. Docker says: ${said}`,
    hint: () =>
      "Run: sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
  }),
  "docker.disk_full": row<Said>({
    exitCode: exitCodes.disk,
    message: ({ said }) =>
      `There is no space left on the disk where Docker keeps its images. Docker says: ${said}`,
    hint: () => `Free some space, for example with: docker image prune — ${again}`,
  }),
  "docker.wrong_architecture": row<ImageBlame>({
    exitCode: exitCodes.machine,
    message: (blame) =>
      `${theImage(blame)} is not made for this kind of processor. Docker says: ${blame.said}`,
    hint: () => `Choose an image for this machine in the compose file, ${again}`,
  }),
  "docker.folder_unseen": row<Said & { folder: string | null }>({
    exitCode: exitCodes.machine,
    message: ({ folder, said }) =>
      `Docker can't see the folder ${folder ?? "of the stack"}. Docker says: ${said}`,
    hint: () =>
      "Docker Desktop shares folders under Settings, Resources, File sharing. Docker from a snap sees folders in your home that aren't hidden: choose such ones with --stack-dir and --storage.",
  }),
  "docker.credentials": row<Said>({
    exitCode: exitCodes.machine,
    message: ({ said }) =>
      `Docker can't read its registry logins, so it fetches no image. Docker says: ${said}`,
    hint: () =>
      `Remove the line "credsStore" (or "credHelpers") from ~/.docker/config.json, ${again}`,
  }),
  "docker.pull_rate_limited": row<ImageBlame>({
    exitCode: exitCodes.network,
    message: (blame) =>
      `${theImage(blame)} could not be fetched: ${theRegistry(blame)} allows no more downloads from this address for now. Docker says: ${blame.said}`,
    hint: (blame) => `Log in, which raises the limit (${login(blame)}), or wait, ${again}`,
  }),
  "docker.registry_error": row<ImageBlame & { status: string }>({
    exitCode: exitCodes.network,
    message: (blame) =>
      `${theImage(blame)} could not be fetched: ${theRegistry(blame)} has trouble of its own (${blame.status}). Docker says: ${blame.said}`,
    hint: () => "Run heros setup again later.",
  }),
  "docker.pull_certificate": row<ImageBlame>({
    exitCode: exitCodes.network,
    message: (blame) =>
      `${theImage(blame)} could not be fetched: Docker does not trust the certificate of ${theRegistry(blame)}. Docker says: ${blame.said}`,
    hint: (blame) =>
      `Where your network has a certificate authority of its own, Docker needs its certificate as /etc/docker/certs.d/${isDockerHub(blame) ? "docker.io" : blame.registry}/ca.crt, ${again}`,
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
        ? `Docker waited ${formatDuration(data.silentMs / 1000)} for ${data.images.join(", ")}, and ${data.registry ?? "the registry"} sent nothing.`
        : `${theImage(data)} could not be fetched: Docker does not reach ${theRegistry(data)}. Docker says: ${data.said}`,
    hint: (data) => {
      if (data.how === "silent") {
        return "Check the connection, then run heros setup again. If that waits too, restart Docker first: sudo systemctl restart docker";
      }
      return data.proxy
        ? `Check the proxy that Docker is set to (docker info shows it), ${again}`
        : `Check the connection, ${again}`;
    },
  }),
  "docker.pull_refused": row<ImageBlame>({
    exitCode: exitCodes.failed,
    message: (blame) =>
      `${theImage(blame)} could not be fetched: ${theRegistry(blame)} does not allow it without a login, or does not have it. Docker says: ${blame.said}`,
    hint: (blame) => `Check its name in the compose file, or log in with: ${login(blame)}`,
  }),
  "docker.image_missing": row<ImageBlame>({
    exitCode: exitCodes.failed,
    message: (blame) =>
      `${theImage(blame)} does not exist in ${theRegistry(blame)}. Docker says: ${blame.said}`,
    hint: () => "Check its name and version in the compose file and HER_OS_VERSION in .env.",
  }),
  "docker.no_network": row<Said>({
    exitCode: exitCodes.machine,
    message: ({ said }) => `Docker has no addresses left for another network. Docker says: ${said}`,
    hint: () => "Remove networks that nothing uses with: docker network prune",
  }),
  "docker.firewall": row<Said>({
    exitCode: exitCodes.machine,
    message: ({ said }) => `Docker can't set its firewall rules. Docker says: ${said}`,
    hint: () => "Restart Docker with: sudo systemctl restart docker",
  }),
  "docker.version_mismatch": row<Said>({
    exitCode: exitCodes.machine,
    message: ({ said }) =>
      `The docker command and its engine are of versions that don't fit. Docker says: ${said}`,
    hint: () => "Update both with: sudo apt-get install --only-upgrade docker-ce docker-ce-cli",
  }),
};
