import { expect, test } from "vitest";
import { fails, start } from "./fake-docker.ts";

test.each([
  [
    'Error response from daemon: could not select device driver "nvidia" with capabilities: [[gpu]]',
    "docker.gpu_unavailable",
    4,
  ],
  [
    "Error response from daemon: failed to discover GPU vendor from CDI: no known GPU vendor found",
    "docker.gpu_unavailable",
    4,
  ],
  [
    "Error response from daemon: unknown or invalid runtime name: nvidia",
    "docker.gpu_unavailable",
    4,
  ],
  [
    "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=all",
    "docker.gpu_unavailable",
    4,
  ],
  [
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
    "docker.no_permission",
    4,
  ],
  [
    "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock",
    "docker.no_permission",
    4,
  ],
  ["Cannot connect to the Docker daemon at unix:///run/docker.sock", "docker.daemon_down", 4],
  [
    'Error response from daemon: error gathering device information while adding custom device "nvidia.com/gpu=all": no such file or directory',
    "docker.gpu_unavailable",
    4,
  ],
  [
    'Error response from daemon: error gathering device information while adding custom device "/dev/nvidia0": no such file or directory',
    "docker.gpu_unavailable",
    4,
  ],
  [
    'Error response from daemon: error gathering device information while adding custom device "/dev/snd": no such file or directory',
    "stack.compose_failed",
    1,
  ],
  ["unknown shorthand flag: 'f' in -f", "compose.missing", 4],
  ["docker: 'compose' is not a docker command.\nSee 'docker --help'", "compose.missing", 4],
  [
    "standard_init_linux.go:228: exec user process caused: exec format error",
    "docker.wrong_architecture",
    4,
  ],
  ["Error response from daemon: toomanyrequests: Rate exceeded", "docker.pull_rate_limited", 5],
  ["Error response from daemon: manifest unknown", "docker.image_missing", 1],
  [
    "unable to resolve docker endpoint: open /root/.docker/contexts/meta/ab/meta.json: permission denied",
    "docker.context_broken",
    4,
  ],
  [
    "Error response from daemon: Unknown runtime specified nvidia. See 'docker run --help'.",
    "docker.gpu_unavailable",
    4,
  ],
  [
    "docker: unknown command: docker compose\n\nRun 'docker --help' for more information",
    "compose.missing",
    4,
  ],
  ["unknown shorthand flag: 'd' in -d\nSee 'docker --help'.", "compose.missing", 4],
  [
    "Error response from daemon: driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:8000 failed: port is already allocated",
    "port.taken",
    4,
  ],
  [
    "Error response from daemon: Error starting userland proxy: listen tcp4 127.0.0.1:8000: bind: address already in use",
    "port.taken",
    4,
  ],
  [
    "failed to set up container networking: failed to bind host port 127.0.0.1:8000/tcp: address already in use",
    "port.taken",
    4,
  ],
  ["failed to register layer: write /usr/lib/x: no space left on device", "docker.disk_full", 7],
  ["failed to register layer: max depth exceeded", "docker.image_refused", 4],
  [
    "failed to register layer: Error processing tar file(exit status 1): archive/tar: invalid tar header",
    "docker.image_refused",
    4,
  ],
  [
    "Error response from daemon: layers from manifest don't match image configuration",
    "docker.image_refused",
    4,
  ],
  [
    'Error response from daemon: Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io on 10.0.0.1:53: no such host',
    "docker.pull_network",
    5,
  ],
  [
    "Error response from daemon: toomanyrequests: You have reached your pull rate limit.",
    "docker.pull_rate_limited",
    5,
  ],
  [
    "Error response from daemon: pull access denied for ghcr.io/her-os/her-os-core, repository does not exist",
    "docker.pull_refused",
    1,
  ],
  [
    "Error response from daemon: manifest for redis:99 not found: manifest unknown",
    "docker.image_missing",
    1,
  ],
  [
    "no matching manifest for linux/arm64/v8 in the manifest list entries",
    "docker.wrong_architecture",
    4,
  ],
  [
    'Error response from daemon: invalid mount config for type "bind": bind source path does not exist: /x/hub',
    "stack.folder_missing",
    1,
  ],
  ["yaml: line 3: mapping values are not allowed in this context", "stack.base_invalid", 2],
  ["Error response from daemon: Unknown runtime specified nvidia", "docker.gpu_unavailable", 4],
  [
    "nvidia-container-cli: initialization error: driver error: failed to process request",
    "docker.gpu_unavailable",
    4,
  ],
  ["Error response from daemon: unauthorized", "docker.pull_refused", 1],
  [
    'Error response from daemon: Head "https://ghcr.io/v2/her-os/her-os-core/manifests/latest": denied',
    "docker.pull_refused",
    1,
  ],
  ["denied", "docker.pull_refused", 1],
  [
    'error from registry: denied\nfailed to resolve reference "ghcr.io/x/y:1": 403 Forbidden',
    "docker.pull_refused",
    1,
  ],
  [
    "Error response from daemon: received unexpected HTTP status: 500 Internal Server Error",
    "docker.registry_error",
    5,
  ],
  [
    'failed to resolve reference "ghcr.io/x/y:1": unexpected status from HEAD request to https://ghcr.io/v2/x/y/manifests/1: 503 Service Unavailable',
    "docker.registry_error",
    5,
  ],
  [
    'Error response from daemon: Get "https://reg.lan/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    "docker.pull_certificate",
    5,
  ],
  [
    'Error response from daemon: Get "http://reg.lan:5000/v2/": http: server gave HTTP response to HTTPS client',
    "docker.pull_certificate",
    5,
  ],
  [
    'Error response from daemon: Get "https://ghcr.io/v2/": proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused',
    "docker.pull_network",
    5,
  ],
  [
    'error getting credentials - err: exec: "docker-credential-desktop": executable file not found in $PATH, out: ``',
    "docker.credentials",
    4,
  ],
  [
    "Error response from daemon: mounts denied: \nThe path /mnt/models is not shared from the host and is not known to Docker.",
    "docker.folder_unseen",
    4,
  ],
  [
    "Error response from daemon: error while creating mount source path '/mnt/models': mkdir /mnt/models: read-only file system",
    "docker.folder_unseen",
    4,
  ],
  [
    "cannot open path of the current working directory: Permission denied",
    "docker.folder_unseen",
    4,
  ],
  [
    'Error response from daemon: Conflict. The container name "/annie" is already in use by container "4f". You have to remove (or rename) that container to be able to reuse that name.',
    "stack.name_taken",
    1,
  ],
  [`service "model-warmup" didn't complete successfully: exit 3`, "annie.held_back", 1],
  [
    "failed to create network her-os_default: Error response from daemon: could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
    "docker.no_network",
    4,
  ],
  [
    "Error response from daemon: driver failed programming external connectivity: listen tcp4 10.9.9.9:8000: bind: cannot assign requested address",
    "stack.address_unknown",
    4,
  ],
  [
    "Error response from daemon: client version 1.24 is too old. Minimum supported API version is 1.44",
    "docker.version_mismatch",
    4,
  ],
  [
    'unable to resolve docker endpoint: context "spark": context not found',
    "docker.context_broken",
    4,
  ],
  [
    "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if the daemon is running",
    "docker.daemon_down",
    4,
  ],
  [
    "Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.",
    "docker.podman",
    4,
  ],
  [
    "error while interpolating services.x: required variable POSTGRES_PASSWORD is missing a value",
    "stack.base_invalid",
    2,
  ],
  ["something new", "stack.compose_failed", 1],
  ["open /srv/her-os/docker-compose.yml: permission denied", "stack.compose_failed", 1],
  ["net/http: request canceled while waiting for connection", "docker.pull_network", 5],
])("%s is %s, exit %i", async (stderr, code, exitCode) => {
  const { error } = await start(fails(stderr));
  expect(error).toMatchObject({ code, exitCode });
  expect(error).toMatchObject({ cause: expect.any(Error) as Error });
  expect((error as Error).message).not.toMatch(/is kept/);
});

/** What three composes print of the same refusal: which image and whose registry it was is never in the last line. */
test.each([
  [
    "2.26",
    " kokoro Pulling \n kokoro Error unauthorized\nError response from daemon: unauthorized",
  ],
  [
    "2.40",
    '{"id":"kokoro","text":"Error","status":"unauthorized"}\n{"id":"redis","status":"Interrupted"}\n{"error":true,"message":"Error response from daemon: unauthorized"}',
  ],
  [
    "5.6",
    '{"id":"Image k:1","status":"Error","text":"Error","details":"unauthorized"}\n{"error":true,"message":"Error response from daemon: unauthorized\\nError response from daemon: no such image: k:1"}',
  ],
])("the image that was refused is named, with its own registry: %s", async (_version, stderr) => {
  const { error } = await start(fails(stderr));
  expect(error).toMatchObject({
    code: "docker.pull_refused",
    message: expect.stringMatching(/^Can.t pull k:1: .*Docker Hub/) as string,
    hint: expect.stringMatching(/docker login$/) as string,
  });
});

test.each([
  ['Head "https://reg.lan:5000/v2/a/b/manifests/1": denied', "reg.lan:5000/a/b:1", "reg.lan:5000"],
  ["pull access denied for ghcr.io/a/b, repository does not exist", "ghcr.io/a/b", "ghcr.io"],
  ["pull access denied for a/b, repository does not exist", "a/b", "Docker Hub"],
  ['Get "https://registry-1.docker.io/v2/": dial tcp: i/o timeout', null, "Docker Hub"],
])("%s: the image and its registry are read from the words", async (stderr, image, registry) => {
  const { error } = await start(fails(stderr));
  if (image !== null) expect((error as Error).message).toContain(image);
  expect((error as Error).message).toContain(registry);
});

test("an image that is never pulled is not missing at a registry that nobody asked", async () => {
  const config = `case "$*" in *" config "*) echo '{"services":{"her-os-core":{"image":"core:1","pull_policy":"never"}}}'; exit ;; esac`;
  const { error } = await start(fails("no such image: core:1: No such image: core:1"), config);
  expect(error).toMatchObject({
    code: "docker.image_missing",
    message: 'Docker does not have core:1, and may not pull it: its pull_policy is "never".',
    hint: expect.stringContaining("docker load") as string,
  });
});

test("a port that another service publishes is not for --port to change", async () => {
  const config = `case "$*" in *" config "*) echo '{"services":{"her-os-core":{"ports":[{"target":8000,"published":"8000"}]},"postgres":{"ports":[{"target":5432,"published":"5432"}]}}}'; exit ;; esac`;
  const taken = (port: number) =>
    fails(`Bind for 127.0.0.1:${port} failed: port is already allocated`);
  const [own, other] = [await start(taken(8000), config), await start(taken(5432), config)];
  expect(own.error).toMatchObject({ hint: expect.stringContaining("--port") as string });
  expect(other.error).toMatchObject({
    code: "port.taken",
    message: expect.stringContaining("postgres") as string,
    hint: expect.not.stringContaining("--port") as string,
  });
});
