import { expect, test } from "vitest";
import {
  findEngineImage,
  listEngineImages,
  parseEngineImages,
} from "../../src/docker/engine-images.ts";
import { testHost } from "../deploy/compose/fixtures.ts";
import { fakeDocker } from "./fake-docker.ts";

const { signal } = new AbortController();
const id = (number: number): string => `sha256:${String(number).padStart(64, "0")}`;
const shown = (number: number, changes: object = {}): string =>
  JSON.stringify({
    id: id(number),
    names: [`image:${number}`],
    namesByDigest: null,
    diffIds: ["sha256:a", "sha256:b"],
    os: "linux",
    architecture: "arm64",
    unpackedBytes: 12,
    ...changes,
  });

test("an image that docker shows is read, without what it does not say", () => {
  const [one, two] = parseEngineImages(
    `${shown(1)}\nWARNING: something\n{"id":7}\n${shown(2, { names: null, diffIds: null })}\n`,
  );
  expect(one).toEqual({
    id: id(1),
    names: ["image:1"],
    namesByDigest: [],
    diffIds: ["sha256:a", "sha256:b"],
    os: "linux",
    architecture: "arm64",
    unpackedBytes: 12,
  });
  expect(two).toMatchObject({ id: id(2), names: [], diffIds: [] });
});

test("an engine with very many images is asked for them in parts, each image once", async () => {
  const count = 230;
  const ids = Array.from({ length: count }, (_, index) => id(index));
  const docker = await fakeDocker(`
case "$*" in
"image ls "*) printf '%s\\n' ${[...ids, ids[0]].join(" ")} "no id" ;;
"image inspect "*) shift 4; for each; do echo '{"id":"'"$each"'","names":[]}'; done ;;
esac`);
  const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
  const images = await listEngineImages({ host, signal });
  expect(images?.map((each) => each.id)).toEqual(ids);
  expect((await docker.calls()).filter((call) => call.startsWith("image inspect"))).toHaveLength(3);
});

test("of images some of which are gone meanwhile the others are known", async () => {
  const docker = await fakeDocker(`
case "$*" in
"image ls "*) echo ${id(1)}; echo ${id(2)} ;;
*) echo '${shown(2)}'; echo "Error: No such image: ${id(1)}" >&2; exit 1 ;;
esac`);
  const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
  expect(await listEngineImages({ host, signal })).toMatchObject([{ id: id(2) }]);
});

test("an engine that does not answer has no images that are known, and an option is no name", async () => {
  const docker = await fakeDocker(`echo "Cannot connect to the Docker daemon" >&2; exit 1`);
  const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
  expect(await listEngineImages({ host, signal })).toBeNull();
  expect(await findEngineImage({ host, signal }, "redis:7")).toBeNull();
  const asked = (await docker.calls()).length;
  expect(await findEngineImage({ host, signal }, "--help")).toBeNull();
  expect(await docker.calls()).toHaveLength(asked);
});
