import { expect, test } from "vitest";
import { parseDockerPs } from "../../src/docker/containers.ts";

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
