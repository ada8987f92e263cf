import { expect, test } from "vitest";
import { parseDockerPs } from "../../src/docker/containers.ts";

test("what docker ps prints is read line by line, and what is no JSON is left out", () => {
  const web = JSON.stringify({
    Names: "a",
    Ports: "0.0.0.0:8000->8000/tcp, [::]:9000-9002->80-82/tcp, 5432/tcp",
    Labels: [
      "com.docker.compose.project.config_files=/srv/a/docker-compose.yml,/srv/a/docker-compose.heros.yml",
      "com.docker.compose.project.working_dir=/srv/a",
      "com.docker.compose.service=web",
      "org.opencontainers.image.title=a, b and c",
    ].join(","),
  });
  expect(parseDockerPs(`\n${web}\nwarning: something\n{"Names":"b","Labels":null}\n`)).toEqual([
    {
      name: "a",
      published: [
        [8000, 8000],
        [9000, 9002],
      ],
      service: "web",
      projectDir: "/srv/a",
    },
    { name: "b", published: [], service: null, projectDir: null },
  ]);
});
