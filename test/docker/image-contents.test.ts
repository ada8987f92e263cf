import { expect, test } from "vitest";
import { findInImage, readImageSettings } from "../../src/docker/image-contents.ts";
import { testHost } from "../deploy/compose/fixtures.ts";
import { fakeDocker } from "./fake-docker.ts";

const { signal } = new AbortController();

async function ask(script: string) {
  const docker = await fakeDocker(script);
  return {
    docker,
    asked: { host: testHost({ PATH: `${docker.bin}:/usr/bin:/bin` }), image: "core:1", signal },
  };
}

test.each([
  [
    '{"labels":{"a":"b"},"environment":["X=1"],"user":"me"}',
    { labels: { a: "b" }, environment: ["X=1"], user: "me" },
  ],
  ['{"labels":null,"environment":null}', { labels: {}, environment: [], user: "" }],
  ["template parsing error", null],
])("of an image that Docker shows as %s the settings are %j", async (shown, settings) => {
  const { asked } = await ask(`echo '${shown}'`);
  expect(await readImageSettings(asked)).toEqual(settings);
});

test("a look into an image tells which files are there, and removes its container", async () => {
  const { docker, asked } = await ask(
    'case "$1" in create) echo 0123456789abcdef ;; cp) case "$*" in */a/*) ;; *) exit 1 ;; esac ;; esac',
  );
  expect(await findInImage(asked, ["/m/a/config.json", "/m/b/config.json"])).toEqual([
    "/m/a/config.json",
  ]);
  expect((await docker.calls()).at(-1)).toBe("rm --force --volumes 0123456789abcdef");
});

test("of an image that Docker makes no container of nothing is found", async () => {
  const { docker, asked } = await ask("exit 125");
  expect(await findInImage(asked, ["/m/a/config.json"])).toEqual([]);
  expect(await docker.calls()).toHaveLength(1);
});
