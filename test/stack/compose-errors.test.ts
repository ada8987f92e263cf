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
  [
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    "docker.daemon_down",
    4,
  ],
  ["docker: 'compose' is not a docker command.\nSee 'docker --help'", "compose.missing", 4],
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
  [
    'Error response from daemon: Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io on 10.0.0.1:53: no such host',
    "docker.pull_network",
    5,
  ],
  [
    "Error response from daemon: toomanyrequests: You have reached your pull rate limit.",
    "docker.pull_network",
    5,
  ],
  [
    "Error response from daemon: pull access denied for ghcr.io/her-os/her-os-core, repository does not exist",
    "docker.pull_refused",
    1,
  ],
  [
    "Error response from daemon: manifest for redis:99 not found: manifest unknown",
    "docker.pull_refused",
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
  ["something new", "stack.compose_failed", 1],
])("%s is %s, exit %i", async (stderr, code, exitCode) => {
  const { error } = await start(fails(stderr));
  expect(error).toMatchObject({ code, exitCode });
  const said = stderr.split("\n")[0]?.replace("Error response from daemon: ", "") ?? "";
  expect(error).toMatchObject({
    message: expect.stringContaining(said) as string,
    cause: expect.any(Error) as Error,
  });
});
