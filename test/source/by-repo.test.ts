import { expect, test } from "vitest";
import { Failure } from "../../src/run/failure.ts";
import { sourceByRepo, type Source } from "../../src/source/source.ts";

const { signal } = new AbortController();

/** A source that says of each call which one it is. */
function told(name: string, offline = false): { source: Source; calls: string[] } {
  const calls: string[] = [];
  const refuse = async (call: string): Promise<never> => {
    calls.push(call);
    throw new Error(`${name} ${call}`);
  };
  const source: Source = {
    endpoint: name,
    offline,
    list: (repo) => refuse(`list ${repo}`),
    requireAccess: (repo) => refuse(`access ${repo}`),
    open: ({ repo }) => refuse(`open ${repo}`),
    failureOf: (_error, repo) => `${name} failed with ${repo}`,
    scopeOf: () => (name === "hub" ? "all" : "network"),
  };
  return { source, calls };
}

test.each([
  ["her-os/core", "hub"],
  ["oci:ghcr.io/her-os/core", "registries"],
])("what is asked of %s is asked of the %s", async (repo, name) => {
  const [hub, registries] = [told("hub"), told("registries")];
  const source = sourceByRepo({ hub: hub.source, oci: registries.source });
  const request = { repo, commit: "c", path: "p", blobName: "b", range: null, address: null };
  await expect(source.list(repo, "main", signal)).rejects.toThrow(`${name} list ${repo}`);
  await expect(source.requireAccess(repo, "c", "p", signal)).rejects.toThrow(name);
  await expect(source.open({ ...request, idleTimeoutMs: 1, signal })).rejects.toThrow(name);
  expect(source.failureOf(new Error("x"), repo)).toBe(`${name} failed with ${repo}`);
  const failure = new Failure({ code: "x", message: "", hint: "", exitCode: 5 });
  expect(source.scopeOf(failure, repo)).toBe(name === "hub" ? "all" : "network");
  expect((name === "hub" ? registries : hub).calls).toEqual([]);
});

test("a repository's server is what its source says, or else the source itself", () => {
  const serverOf = (repo: string): string => `server of ${repo}`;
  const source = sourceByRepo({
    hub: told("hub").source,
    oci: { ...told("registries").source, serverOf },
  });
  const repos = ["a/b", "c/d", "oci:ghcr.io/a/b", "oci:localhost:5000/a"];
  expect(repos.map((repo) => source.serverOf?.(repo))).toEqual([
    "hub",
    "hub",
    "server of oci:ghcr.io/a/b",
    "server of oci:localhost:5000/a",
  ]);
});

test("only where neither may be asked is nothing asked", () => {
  const offline = (hub: boolean, images: boolean): boolean =>
    sourceByRepo({ hub: told("hub", hub).source, oci: told("r", images).source }).offline;
  expect([offline(true, true), offline(true, false), offline(false, true)]).toEqual([
    true,
    false,
    false,
  ]);
});

test("a repository that no source of this run has is a mistake of ours, and no Hub's", async () => {
  const source = sourceByRepo({ hub: told("hub").source });
  await expect(source.list("ollama:registry/a", "1", signal)).rejects.toThrow("no source for");
});

test("what is several sources already may be joined with one more", async () => {
  const [hub, ollama, images] = [told("hub"), told("ollama"), told("images")];
  const models = sourceByRepo({ hub: hub.source, ollama: ollama.source });
  const source = sourceByRepo({ hub: models, oci: images.source });
  for (const [repo, name] of [
    ["a/b", "hub"],
    ["ollama:host/library/a", "ollama"],
    ["oci:ghcr.io/a/b", "images"],
  ] as const) {
    await expect(source.list(repo, "1", signal)).rejects.toThrow(`${name} list ${repo}`);
    expect(source.serverOf?.(repo)).toBe(name);
  }
  await expect(source.list("s3:bucket", "1", signal)).rejects.toThrow("no source for");
});
