import { expect, test } from "vitest";
import { parseDockerPs } from "../../src/docker/containers.ts";
import { listWithLoops } from "../../src/docker/inspect-containers.ts";
import { testHost } from "../deploy/compose/fixtures.ts";
import { fakeDocker } from "./fake-docker.ts";

test("what docker ps prints is read line by line, and what is no JSON is left out", () => {
  const web = JSON.stringify({
    Names: "a",
    Ports: "0.0.0.0:8000->8000/tcp, [::]:9000-9002->80-82/udp, 5432/tcp",
    State: "exited",
    Mounts: "a_data,/srv/a/conf,cache",
    Labels: [
      "com.docker.compose.project=a",
      "com.docker.compose.project.config_files=/srv/a/docker-compose.yml,/srv/a/docker-compose.heros.yml",
      "com.docker.compose.project.working_dir=/srv/a",
      "com.docker.compose.service=web",
      "org.opencontainers.image.title=a, b and c",
    ].join(","),
  });
  expect(parseDockerPs(`\n${web}\nwarning: something\n{"Names":"b","Labels":null}\n`)).toEqual([
    {
      name: "a",
      isRunning: false,
      published: [
        { first: 8000, last: 8000, protocol: "tcp", address: "0.0.0.0" },
        { first: 9000, last: 9002, protocol: "udp", address: "::" },
      ],
      service: "web",
      project: "a",
      projectDir: "/srv/a",
      projectFile: "/srv/a/docker-compose.yml",
      volumes: ["a_data", "cache"],
    },
    {
      name: "b",
      isRunning: true,
      published: [],
      service: null,
      project: null,
      projectDir: null,
      projectFile: null,
      volumes: [],
    },
  ]);
});

test("a container that keeps restarting is told as that although it is up at the moment of the look", async () => {
  const nowMs = testHost({}).clock.now().getTime();
  const agoAt = (ms: number): string => new Date(nowMs - ms).toISOString();
  const looks = [
    { name: "core", restarts: 3, startedAt: agoAt(500), health: "starting" },
    { name: "lasting", restarts: 3, startedAt: agoAt(3_600_000), health: "" },
    { name: "first", restarts: 0, startedAt: agoAt(500), health: "" },
    { name: "well", restarts: 3, startedAt: agoAt(500), health: "healthy" },
  ];
  const listed = looks.map(({ name, health }) =>
    JSON.stringify({ Service: name, Name: name, State: "running", Health: health }),
  );
  const details = looks.map(({ name, restarts, startedAt }) =>
    JSON.stringify({ name: `/${name}`, restarts, state: { StartedAt: startedAt }, ports: {} }),
  );
  const docker = await fakeDocker(`case "$*" in
*" ps -a "*) cat <<'END'\n${listed.join("\n")}\nEND\n;;
inspect*) cat <<'END'\n${details.join("\n")}\nEND\n;;
events*core*) echo 3 ;;
*) exit 99 ;;
esac`);
  const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
  const { containers } = await listWithLoops({ host, stackDir: docker.bin });
  expect(containers.map(({ name, state, exitCode }) => [name, state, exitCode])).toEqual([
    ["core", "restarting", 3],
    ["lasting", "running", 0],
    ["first", "running", 0],
    ["well", "healthy", 0],
  ]);
});
