import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  askEnginePlace,
  type EnginePlace,
  engineProblem,
  isElsewhere,
  parseDockerInfo,
  readEngineError,
} from "../../src/docker/engine.ts";
import { ran } from "../machine/fixture.ts";
import { look } from "../machine/look.ts";
import { testHost } from "../machine/test-host.ts";

const socket = "unix:///var/run/docker.sock";
const place = (address: string | null, change: Partial<EnginePlace> = {}): EnginePlace => ({
  address,
  chosenBy: "context",
  snap: false,
  ...change,
});

/** What docker and its stand-ins print where no engine is reached: the text, the code, the command that helps. */
const words: readonly [
  who: string,
  text: string,
  where: EnginePlace | null,
  code: string,
  fix: string,
][] = [
  [
    "20.10",
    `Cannot connect to the Docker daemon at ${socket}. Is the docker daemon running?`,
    null,
    "docker.daemon_down",
    "sudo systemctl start docker",
  ],
  [
    "an engine that ends in the middle",
    'error during connect: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.41/info": EOF',
    null,
    "docker.daemon_down",
    "sudo systemctl start docker",
  ],
  [
    "29",
    `failed to connect to the docker API at ${socket}; check if the path is correct and if the daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory`,
    null,
    "docker.daemon_down",
    "sudo systemctl start docker",
  ],
  [
    "rootless",
    "Cannot connect to the Docker daemon at unix:///run/user/1000/docker.sock. Is the docker daemon running?",
    null,
    "docker.daemon_down",
    "systemctl --user start docker",
  ],
  [
    "Docker Desktop",
    "Cannot connect to the Docker daemon at unix:///home/ann/.docker/desktop/docker.sock. Is the docker daemon running?",
    null,
    "docker.daemon_down",
    "systemctl --user start docker-desktop",
  ],
  [
    "Podman's socket",
    "failed to connect to the docker API at unix:///run/user/1000/podman/podman.sock; check if the path is correct and if the daemon is running: dial unix /run/user/1000/podman/podman.sock: connect: connection refused",
    null,
    "docker.daemon_down",
    "systemctl --user start podman.socket",
  ],
  [
    "a snap",
    `Cannot connect to the Docker daemon at ${socket}. Is the docker daemon running?`,
    place(socket, { snap: true }),
    "docker.daemon_down",
    "sudo snap start docker",
  ],
  [
    "a socket of one's own",
    "Cannot connect to the Docker daemon at unix:///srv/docker.sock. Is the docker daemon running?",
    null,
    "docker.daemon_down",
    "Start the Docker engine that listens at unix:///srv/docker.sock.",
  ],
  [
    "20.10 over ssh",
    'error during connect: Get "http://docker.example.com/v1.24/info": command [ssh -l ann -- spark docker system dial-stdio] has exited with exit status 255, please make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=ssh: connect to host spark port 22: Connection refused',
    place("ssh://ann@spark", { chosenBy: "DOCKER_HOST" }),
    "docker.elsewhere",
    "unset DOCKER_HOST",
  ],
  [
    "tcp to another machine",
    "Cannot connect to the Docker daemon at tcp://10.0.0.7:2375. Is the docker daemon running?",
    null,
    "docker.elsewhere",
    "unset DOCKER_CONTEXT; docker context use default",
  ],
  [
    "20.10, a context that is gone",
    'Current context "spark" is not found on the file system, please check your config file at /home/ann/.docker/config.json',
    null,
    "docker.context_broken",
    "unset DOCKER_CONTEXT; docker context use default",
  ],
  [
    "29, a context that is gone",
    'Failed to initialize: unable to resolve docker endpoint: context "spark": context not found: open /home/ann/.docker/contexts/meta/6a/meta.json: no such file or directory',
    null,
    "docker.context_broken",
    "unset DOCKER_CONTEXT; docker context use default",
  ],
  [
    "a socket that is out of bounds",
    `permission denied while trying to connect to the docker API at ${socket}`,
    null,
    "docker.no_permission",
    "sudo usermod -aG docker $USER, then log out and back in",
  ],
  [
    "podman-docker",
    "Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.\nError: looking up compose provider failed",
    null,
    "docker.podman",
    "sudo apt-get remove podman-docker && curl -fsSL https://get.docker.com | sudo sh",
  ],
];

test.each(words)("%s: each reason why no engine is reached has its code and its fix", (...row) => {
  const [, text, where, code, remedy] = row;
  const error = readEngineError(text);
  expect(error === null ? null : engineProblem(error, where)).toMatchObject({
    failure: { code },
    remedy,
  });
});

test.each([
  "pull access denied for x",
  "dial tcp: lookup ghcr.io: no such host",
  "",
  "exit status 1",
])("%j is not about the engine", (text) => expect(readEngineError(text)).toBeNull());

test("a report of Podman's is none of an engine", () => {
  const stdout =
    '{"host":{"arch":"arm64","buildahVersion":"1.33.7"},"version":{"APIVersion":"4.9.4"}}';
  expect(parseDockerInfo(ran(stdout))).toMatchObject({ error: { kind: "podman" } });
});

test.each([
  [null, false],
  ["", false],
  [socket, false],
  ["unix:///home/ann/.docker/desktop/docker.sock", false],
  ["tcp://127.0.0.1:2375", false],
  ["tcp://[::1]:2375", false],
  ["ssh://ann@localhost", false],
  ["tcp://:2375", false],
  ["ssh://elsewhere", true],
  ["ssh://ann:pw@spark.local:22", true],
  ["tcp://10.0.0.7:2376", true],
  ["tcp://[fd00::7]:2376", true],
  ["https://docker.example.com", true],
])("an engine at %s is elsewhere: %s", (address, expected) => {
  expect(isElsewhere(address)).toBe(expected);
});

/** A folder with a `docker` that prints this. */
async function dockerThatSays(text: string): Promise<string> {
  const bin = await mkdtemp(path.join(tmpdir(), "heros-place-"));
  onTestFinished(() => rm(bin, { recursive: true }));
  await writeFile(path.join(bin, "docker"), `#!/bin/sh\nprintf '%s\\n' '${text}'\n`, {
    mode: 0o755,
  });
  return bin;
}

test("DOCKER_HOST says where the engine is, else docker's current context", async () => {
  const bin = await dockerThatSays("ssh://ann@spark");
  expect(await askEnginePlace(testHost({ env: { PATH: bin } }))).toEqual(place("ssh://ann@spark"));
  expect(await askEnginePlace(testHost({ env: { PATH: bin, DOCKER_HOST: socket } }))).toEqual(
    place(socket, { chosenBy: "DOCKER_HOST" }),
  );
  const silent = await dockerThatSays("docker: what context?");
  expect(await askEnginePlace(testHost({ env: { PATH: silent } }))).toEqual(place(null));
});

test("a machine whose docker is another machine's is told so, and that one is not waited for", async () => {
  const { check, problems } = await look({
    tools: {
      "docker context": { stdout: "ssh://ann:pw@spark\n" },
      "docker info": { pidFile: await freshFile() },
      "docker compose": { stdout: "2.40.3\n" },
    },
  });
  expect(check("docker.engine")).toMatchObject({ status: "failed", code: "docker.elsewhere" });
  expect(JSON.stringify(check("docker.engine"))).not.toContain("pw");
  expect(problems).toContainEqual(
    expect.objectContaining({ code: "docker.elsewhere", exitCode: 4 }),
  );
});

test("a compose that can't be asked because of a broken context is not a missing plugin", async () => {
  const stderr = 'unable to resolve docker endpoint: context "spark": context not found\n';
  const broken = { stderr, exitCode: 1 };
  const { problems, check } = await look({
    tools: { "docker context": broken, "docker info": broken, "docker compose": broken },
  });
  expect(problems.map(({ code }) => code)).toContain("docker.context_broken");
  expect(problems.map(({ code }) => code)).not.toContain("compose.missing");
  expect(check("docker.compose")).toMatchObject({ status: "skipped" });
});

async function freshFile(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-place-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return path.join(folder, "pid");
}
