import { expect, test } from "vitest";
import { explainContainers } from "../../src/docker/watch-containers.ts";
import { temporaryFolder, testHost } from "../deploy/compose/fixtures.ts";
import { fakeDocker } from "./fake-docker.ts";

test.each([
  "exec /usr/local/bin/python: exec format error",
  "standard_init_linux.go:228: exec user process caused: exec format error",
  'standard_init_linux.go:190: exec user process caused "exec format error"',
])("an image for another processor is told by what its container says: %s", async (log) => {
  const row = { Name: "x-core-1", Service: "her-os-core", State: "exited", ExitCode: 255 };
  const docker = await fakeDocker(`
case "$*" in
*" ps "*) echo '${JSON.stringify(row)}' ;;
*" config "*) echo '{"services":{"her-os-core":{"image":"core:1"}}}' ;;
*" logs "*) echo '${log}' ;;
esac`);
  const failure = await explainContainers({
    host: testHost({ PATH: `${docker.bin}:/usr/bin:/bin` }),
    stackDir: await temporaryFolder(),
    emit: () => undefined,
    service: "her-os-core",
    modelsAt: "/data/models",
  });
  expect(failure).toMatchObject({
    code: "docker.wrong_architecture",
    exitCode: 4,
    message: `The image core:1 does not support this processor. Docker says: ${log}`,
  });
});
