import { failure } from "../src/run/failures/table.ts";

const image = "ghcr.io/her-os/core:1.4";
const registry = "ghcr.io";

/** Examples of what Docker ends with. */
export const dockerFailureExamples = {
  "docker.context_broken": [
    { name: "lab", remedy: "unset DOCKER_CONTEXT; docker context use default" },
  ],
  "docker.credentials": [{ said: 'exec: "docker-credential-pass": executable file not found' }],
  "docker.daemon_down": [
    { address: "unix:///var/run/docker.sock", remedy: "sudo systemctl start docker" },
  ],
  "docker.disk_full": [{ said: "write /var/lib/docker/tmp: no space left on device" }],
  "docker.elsewhere": [{ where: "ssh://lab", remedy: "unset DOCKER_HOST" }],
  "docker.firewall": [{ said: "Unable to enable DIRECT ACCESS FILTERING - DROP rule" }],
  "docker.folder_unseen": [
    { folder: "/data/models", said: "mounts denied: the path /data/models is not shared" },
  ],
  "docker.gpu_unavailable": [
    { said: 'could not select device driver "nvidia" with capabilities: [[gpu]]' },
  ],
  "docker.image_missing": [
    { image, registry, said: "manifest unknown" },
    { image, registry, said: "No such image", neverPulled: true },
  ],
  "docker.image_not_saved": [
    { image, why: "Docker says: Error response from daemon: layer does not exist" },
  ],
  "docker.image_refused": [
    { image, registry, said: "failed to register layer: max depth exceeded" },
  ],
  "docker.images_not_given": [
    {
      why: failure("docker.no_permission", {
        joined: false,
        remedy: "sudo usermod -aG docker $USER, then log out and back in",
      }),
      images: "2 images",
      cacheDir: "/home/ada/.cache/huggingface/hub",
    },
  ],
  "docker.missing": [undefined],
  "docker.no_answer": [undefined],
  "docker.no_network": [{ said: "all predefined address pools have been fully subnetted" }],
  "docker.no_permission": [
    { joined: false, remedy: "sudo usermod -aG docker $USER, then log out and back in" },
  ],
  "docker.podman": [
    { remedy: "sudo apt-get remove podman-docker && curl -fsSL https://get.docker.com | sudo sh" },
  ],
  "docker.pull_certificate": [
    { image, registry, said: "tls: failed to verify certificate: x509: unknown authority" },
  ],
  "docker.pull_network": [
    { how: "unreachable", image, registry, proxy: false, said: "dial tcp: no such host" },
    { how: "silent", silentMs: 300_000, images: [image], registry },
  ],
  "docker.pull_rate_limited": [
    { image: "postgres:17", registry: "Docker Hub", said: "toomanyrequests" },
  ],
  "docker.pull_refused": [{ image, registry, said: "unauthorized" }],
  "docker.registry_error": [
    { image, registry, status: "503", said: "received unexpected HTTP status: 503" },
  ],
  "docker.version_mismatch": [
    { said: "client version 1.52 is too new. Maximum supported API version is 1.41" },
  ],
  "docker.wrong_architecture": [
    { image, registry, said: "no matching manifest for linux/arm64/v8" },
  ],
} as const;
