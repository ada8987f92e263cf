import { expect, test } from "vitest";
import { findStackImages } from "../../../src/commands/images/find-images.ts";
import { platformOf } from "../../../src/source/oci/manifest.ts";
import { createEndpointMemory } from "../../../src/source/mirrors.ts";
import { parseStackConfig } from "../../../src/docker/compose.ts";
import { temporaryFolder, testHost } from "../../deploy/compose/fixtures.ts";
import { fakeDocker } from "../../docker/fake-docker.ts";

const services = {
  "her-os-core": { image: "ghcr.io/her-os/core:1", depends_on: { redis: {}, own: {} } },
  redis: { image: "redis:7" },
  again: { image: "redis:7" },
  own: { image: "own:1", build: { context: "." } },
};
const { architecture } = platformOf(testHost());

/** As docker shows an image of this machine's platform. */
const shown = (name: string, changes: object = {}): string =>
  `echo '${JSON.stringify({ id: name, names: [name], os: "linux", architecture, ...changes })}'`;

/** What docker is asked while the stack's images are looked for, without its formats. */
async function askedOf(
  inspected: readonly string[],
  { env = {}, shownAs }: { env?: object; shownAs: readonly string[] | null },
): Promise<readonly string[]> {
  const docker = await fakeDocker(`
case "$*" in
"image inspect "*) ${[...inspected, ":"].join("; ")} ;;
*) exit 1 ;;
esac`);
  const cacheDir = await temporaryFolder();
  const config = parseStackConfig(JSON.stringify({ services }));
  if (config === null) throw new Error("the services are none");
  const found = await findStackImages(
    {
      host: testHost({ PATH: `${docker.bin}:/usr/bin:/bin`, ...env }),
      emit() {},
      signal: new AbortController().signal,
      elapsedMs: () => 0,
      endpoints: createEndpointMemory(),
    },
    { ownService: "her-os-core", config, cacheDir, endpoints: [], strict: false, keep: false },
  );
  expect(found === null ? null : found.surveyed.images.map(({ title }) => title)).toEqual(shownAs);
  return (await docker.calls()).map((call) => call.replace(/ --format (?:json|\{.*\})/u, ""));
}

const core = shown("ghcr.io/her-os/core:1");
const redis = shown("redis:7");
const stackAlone = ["image inspect redis:7 ghcr.io/her-os/core:1"];

test("of a stack whose images are all there, Docker is asked for these alone", async () => {
  const shownAs = ["redis:7", "ghcr.io/her-os/core:1"];
  expect(await askedOf([core, redis], { shownAs })).toEqual(stackAlone);
});

test.each([
  ["is not there", [core], {}],
  ["is another platform's", [core, shown("redis:7", { architecture: "riscv64" })], {}],
  ["is not of the usual platform", [core, redis], { DOCKER_DEFAULT_PLATFORM: "linux/riscv64" }],
])("where one of them %s, Docker is asked for all that it has", async (_, inspected, env) => {
  const asked = await askedOf(inspected, { env, shownAs: null });
  expect(asked.slice(0, 1)).toEqual(stackAlone);
  expect(asked.slice(1)).toContain("image ls --quiet --no-trunc");
});
