import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseCatalog } from "../../../src/catalog/load.ts";
import { findBakedInEngine } from "../../../src/commands/stack/find-baked.ts";
import { findStack } from "../../../src/deploy/compose/read-stack.ts";
import { assetsDir, minimalBase, newStackDir, testHost } from "../../deploy/compose/fixtures.ts";
import { fakeDocker } from "../../docker/fake-docker.ts";

const file = new URL("../../../assets/catalogs/her-os.yaml", import.meta.url);
const catalog = parseCatalog(readFileSync(file, "utf8"), "her-os.yaml");
const folder = "/data/baked-models";

test("who asks again which models an image brings looks into it once, and into another one anew", async () => {
  const docker = await fakeDocker(`case "$*" in
image*) echo '{"id":"'$(cat "$log.id")'","labels":{},"environment":["HER_OS_BAKED_MODELS=${folder}"]}' ;;
create*) echo 0123456789abcdef ;;
cp*Qwen3-Embedding-0.6B*) ;;
rm*) ;;
compose*) echo '{"services":{"her-os-core":{"image":"mine"}}}' ;;
*) exit 1 ;;
esac`);
  const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
  const stackDir = await newStackDir({ "docker-compose.yml": minimalBase });
  const { signal } = new AbortController();
  const looked = new Map<string, readonly string[]>();
  const readStack = () => findStack({ host, stack: catalog.stack, stackDir, assetsDir });
  const ask = () => findBakedInEngine({ host, signal }, { readStack, catalog, looked });
  const looks = async () => (await docker.calls()).filter((call) => call.startsWith("create"));
  const baked = [{ repo: "Qwen/Qwen3-Embedding-0.6B", revision: null }];

  const { writeFile } = host.files;
  await writeFile(`${docker.bin}/calls.id`, "sha256:one");
  expect(await ask()).toEqual(baked);
  expect(await ask()).toEqual(baked);
  expect(await looks()).toHaveLength(1);
  await writeFile(`${docker.bin}/calls.id`, "sha256:two");
  expect(await ask()).toEqual(baked);
  expect(await looks()).toHaveLength(2);
});
