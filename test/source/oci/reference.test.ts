import fc from "fast-check";
import { expect, test } from "vitest";
import { Failure } from "../../../src/run/failure.ts";
import {
  parseImageReference,
  parseImageRepo,
  repoOfImage,
  revisionOf,
} from "../../../src/source/oci/reference.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

/** Registry, repository and revision in one line. */
function read(name: string): string {
  const reference = parseImageReference(name);
  const { registry, repository, tag } = reference;
  expect(reference.name).toBe(name);
  return `${registry} ${repository} ${revisionOf(reference)}${tag === null ? " (no tag)" : ""}`;
}

// As github.com/distribution/reference reads them.
test.each([
  ["redis", "docker.io library/redis latest"],
  ["redis:7", "docker.io library/redis 7"],
  ["docker.io/redis", "docker.io library/redis latest"],
  ["index.docker.io/redis", "docker.io library/redis latest"],
  ["docker.io/library/redis:7", "docker.io library/redis 7"],
  ["neo4j/neo4j:5-community", "docker.io neo4j/neo4j 5-community"],
  ["a/b/c", "docker.io a/b/c latest"],
  ["ghcr.io/her-os/core:1.4", "ghcr.io her-os/core 1.4"],
  ["nvcr.io/nvidia/cuda:13.0-base_ubuntu", "nvcr.io nvidia/cuda 13.0-base_ubuntu"],
  ["localhost/core", "localhost core latest"],
  ["localhost:5000/core", "localhost:5000 core latest"],
  ["127.0.0.1:5000/a/b:1", "127.0.0.1:5000 a/b 1"],
  ["[::1]:5000/core", "[::1]:5000 core latest"],
  ["spark/core", "docker.io spark/core latest"],
  ["spark.local/core", "spark.local core latest"],
  ["Spark/core", "Spark core latest"],
  ["registry-1.docker.io/library/redis", "registry-1.docker.io library/redis latest"],
  ["foo_bar.com/core", "docker.io is not asked"],
  [`redis@${digest}`, `docker.io library/redis ${digest} (no tag)`],
  [`redis:7@${digest}`, `docker.io library/redis ${digest}`],
  ["a__b/c-d---e.f_g", "docker.io a__b/c-d---e.f_g latest"],
  [`x:${"t".repeat(128)}`, `docker.io library/x ${"t".repeat(128)}`],
])("%s is read as Docker reads it", (name, expected) => {
  if (expected.endsWith("not asked")) expect(() => read(name)).toThrow(/not the address/);
  else expect(read(name)).toBe(expected);
});

test.each([
  ["", "a part that is not allowed"],
  ["Redis", "must be lower-case"],
  ["ghcr.io/her-os/Core:1", "must be lower-case"],
  ["redis:", "the tag is not valid"],
  ["redis:-1", "the tag is not valid"],
  [`x:${"t".repeat(129)}`, "the tag is not valid"],
  ["redis:a b", "the tag is not valid"],
  ["a:1:2", "the tag is not valid"],
  ["redis@sha256:12", "the digest must be"],
  [`redis@sha512:${"0".repeat(128)}`, "the digest must be"],
  [`redis@${digest.toUpperCase()}`, "the digest must be"],
  ["0".repeat(64), "an image ID"],
  ["https://ghcr.io/a", "not the address of a registry"],
  ["ghcr.io/", "a part that is not allowed"],
  ["ghcr.io//a", "a part that is not allowed"],
  ["ghcr.io/../a", "a part that is not allowed"],
  ["a..b", "a part that is not allowed"],
  ["a/.b", "a part that is not allowed"],
  ["a/b_", "a part that is not allowed"],
  ["a/b%2f", "a part that is not allowed"],
  ["ghcr.io:99999/a", "not the address of a registry"],
  ["ghcr.io:/a", "not the address of a registry"],
  ["user@ghcr.io/a", "not the address of a registry"],
  ["[::g]:1/a", "not the address of a registry"],
  ["-a.io/b", "not the address of a registry"],
  ["redis\n", "a part that is not allowed"],
  ["a/".repeat(130), "a part that is not allowed"],
  [`ghcr.io/${"a/".repeat(130)}b`, "longer than 255 characters"],
])("%j is refused: %s", (name, problem) => {
  expect(() => parseImageReference(name)).toThrow(
    expect.objectContaining({
      code: "image.bad_name",
      exitCode: 2,
      message: expect.stringContaining(problem) as string,
    }) as Error,
  );
});

const component = fc.stringMatching(/^[a-z0-9]{1,5}(?:(?:[._]|__|-{1,3})[a-z0-9]{1,5}){0,2}$/);
const host = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,5}[a-z0-9])?\.[a-z]{2,3}$/);
const registry = fc.oneof(
  host,
  fc.tuple(host, fc.integer({ min: 1, max: 65_535 })).map(([name, port]) => `${name}:${port}`),
);
const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const tag = fc.option(fc.stringMatching(/^\w[\w.-]{0,20}$/));
const hash = fc.option(fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`));

test("what was put together is taken apart again, and a repository's name leads back", () => {
  fc.assert(
    fc.property(fc.option(registry), path, tag, hash, (at, repository, named, pinned) => {
      // An image ID by chance.
      fc.pre(at !== null || !/^[0-9a-f]{64}$/.test(repository));
      const first = repository.split("/")[0] ?? "";
      const bare = repository.includes("/") && (first.includes(".") || first === "localhost");
      fc.pre(at !== null || !bare);
      const whole = [at === null ? "" : `${at}/`, repository];
      const suffix = [named === null ? "" : `:${named}`, pinned === null ? "" : `@${pinned}`];
      const found = parseImageReference([...whole, ...suffix].join(""));
      const short = at === null && !repository.includes("/");
      expect(found.registry).toBe(at ?? "docker.io");
      expect(found.repository).toBe(short ? `library/${repository}` : repository);
      expect(found.tag).toBe(named ?? (pinned === null ? "latest" : null));
      expect(found.digest).toBe(pinned);
      const { registry: where, repository: what } = found;
      expect(parseImageRepo(repoOfImage(found))).toEqual({ registry: where, repository: what });
      // Its whole name means the same.
      const again = parseImageReference(`${where}/${what}${suffix.join("")}`);
      expect({ ...again, name: found.name }).toEqual(found);
    }),
  );
});

test("whatever is written, it is read or refused, and no name leads out of the protocol's paths", () => {
  const signs = fc.constantFrom(...Array.from("ab01./:@-_[]%?#\\ \n\0A~é"));
  const name = fc.oneof(
    fc.string(),
    fc.array(signs, { maxLength: 40 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(name, (text) => {
      try {
        const reference = parseImageReference(text);
        const { registry: at, repository } = reference;
        const url = new URL(`https://${at}/v2/${repository}/manifests/${revisionOf(reference)}`);
        expect(url.pathname).toBe(`/v2/${repository}/manifests/${revisionOf(reference)}`);
        expect(url.search + url.hash + url.username + url.password).toBe("");
        expect(parseImageRepo(repoOfImage(reference))).not.toBeNull();
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        expect(error.code).toBe("image.bad_name");
      }
    }),
    { numRuns: 2000 },
  );
});

test.each([
  "openai/whisper",
  "oci:",
  "oci:ghcr.io",
  "oci:/a",
  "oci:ghcr.io/",
  "oci:ghcr.io/a/../b",
  "oci:a b/c",
])("%s is no image's repository", (repo) => {
  expect(parseImageRepo(repo)).toBeNull();
});
