import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parseCatalog } from "../../src/catalog/load.ts";
import {
  capabilitiesOf,
  completeGroups,
  defaultGroups,
  modelsOfGroups,
} from "../../src/catalog/catalog.ts";
import { Failure } from "../../src/run/failure.ts";

const small = `schema: 1
stack: her-os
tiers:
  - {id: 1, name: Critical, required: true}
  - {id: 2, name: Important, default: true}
  - {id: 3, name: Enhancement}
models:
  - id: ears
    repo: owner/ears
    revision: main
    tier: 2
  - id: search
    title: Search
    repo: owner/search
    revision: 97b0c614be4d77ee51c0cef4e5f07c00f9eb65b3
    tier: 1
    capability: memory_search
    memoryGib: 1.5
    files: [config.json, "*.safetensors"]
    also: [{repo: other/tokenizer, revision: main, files: [spm.model]}]
`;

function failureOf(text: string): Failure {
  try {
    parseCatalog(text, "mine.yaml");
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("the catalog was accepted");
}

describe("a catalog", () => {
  it("orders models by tier and keeps what a model needs of other repositories", () => {
    const catalog = parseCatalog(small, "mine.yaml");
    expect(catalog.models.map((model) => model.id)).toEqual(["search", "ears"]);
    expect(catalog.models[0]?.parts.map((part) => part.repo)).toEqual([
      "owner/search",
      "other/tokenizer",
    ]);
    expect(catalog.models[1]).toMatchObject({ title: "ears", capability: null, memoryGib: 0 });
    expect(catalog.models[1]?.parts[0].files).toBeNull();
  });

  it.each([
    [
      "a key that does not exist",
      small.replace("    title: Search", "    titel: Search"),
      13,
      "models.1.titel: unknown key",
    ],
    ["a repository that is no owner/name", small.replace("owner/ears", "ears"), 9, "models.0.repo"],
    [
      "a tier that does not exist",
      small.replace("tier: 2", "tier: 7"),
      11,
      "models.0.tier: unknown tier 7",
    ],
    ["a text where a number should be", small.replace("1.5", "much"), 18, "models.1.memoryGib"],
    [
      "an id that is there twice",
      small.replace("id: search", "id: ears"),
      12,
      'models.1.id: "ears" is duplicated',
    ],
    ["a path that climbs", small.replace("owner/ears", "../ears"), 9, "models.0.repo"],
    ["another schema", small.replace("schema: 1", "schema: 3"), 1, "schema"],
    ["broken YAML", small.replace("tiers:", "tiers: ["), 4, ""],
    ["nothing at all", "", 1, "the file"],
  ])("names file, line and key of %s", (_what, text, line, problem) => {
    const failure = failureOf(text);
    expect(failure).toMatchObject({ code: "catalog.invalid", exitCode: 2 });
    expect(failure.message).toContain(`mine.yaml, line ${line}:`);
    expect(failure.message).toContain(problem);
  });

  it("names all that is wrong at once", () => {
    const text = small
      .replace("owner/ears", "ears")
      .replace("1.5", "much")
      .replace("stack: her-os\n", "");
    expect(failureOf(text).message).toMatch(
      /^Invalid catalog mine\.yaml, line 1: stack: is missing; line 8: models\.0\.repo: .+; line 17: models\.1\.memoryGib: .+\.$/u,
    );
    const meaning = small.replace("tier: 2", "tier: 7").replace("id: search", "id: ears");
    expect(failureOf(meaning).message).toMatch(
      /line 11: .+ unknown tier 7; line 12: .+ duplicated/u,
    );
  });

  it("is what ships: the models of her-os, pinned to commits", async () => {
    const catalog = parseCatalog(
      await readFile("assets/catalogs/her-os.yaml", "utf8"),
      "her-os.yaml",
    );
    expect(catalog.models.map((model) => model.priority)).toEqual([1, 1, 2, 3]);
    for (const part of catalog.models.flatMap((model) => model.parts)) {
      expect(part.revision).toMatch(/^[0-9a-f]{40}$/);
      expect(part.files).not.toBeNull();
    }
  });
});

describe("choosing models", () => {
  const catalog = parseCatalog(small, "mine.yaml");

  it("takes required and default tiers unless told otherwise", () => {
    expect(defaultGroups(catalog)).toEqual(["1", "2"]);
  });

  it("adds the required tiers to what was asked", () => {
    expect(completeGroups(catalog, ["3"])).toEqual(["1", "3"]);
    expect(modelsOfGroups(catalog, ["1", "3"]).map((model) => model.id)).toEqual(["search"]);
  });

  it("refuses a tier that is not there, and says which there are", () => {
    expect(() => completeGroups(catalog, ["9"])).toThrow(
      expect.objectContaining({ code: "groups.unknown", exitCode: 2 }),
    );
  });

  it("names once what models let Annie do, and nothing for those that add nothing", () => {
    const { models } = catalog;
    expect(capabilitiesOf([...models, ...models])).toEqual(["memory_search"]);
  });

  it.each([
    [
      "an alias that stands for thousands",
      ["a: &a [x, x, x, x, x, x, x, x, x]"]
        .concat(
          ["b", "c", "d", "e"].map(
            (name, index) => `${name}: &${name} [${`*${"abcd"[index]}, `.repeat(9)}]`,
          ),
        )
        .join("\n"),
    ],
    ["an alias without an anchor", "schema: *nowhere"],
    ["an alias of itself", "schema: 1\nmodels: &all [*all]"],
  ])("says that %s is wrong, and builds nothing of it", (_, text) => {
    expect(failureOf(text)).toMatchObject({ code: "catalog.invalid", exitCode: 2 });
  });
});

describe("a catalog's test question", () => {
  const question = (request: string, rest = "") =>
    `${small}proof:\n  request: ${request}\n  answer: {path: results.0.text}\n${rest}`;

  it("is left out where there is none", () => {
    expect(parseCatalog(small, "mine.yaml").stack.proof).toBeNull();
  });

  it("is read with its body and the keys of its answer", () => {
    const text = question(
      "{method: POST, path: /search, body: {query: hello}}",
      "  capability: memory_search\n",
    );
    expect(parseCatalog(text, "mine.yaml").stack.proof).toEqual({
      capability: "memory_search",
      method: "POST",
      path: "/search",
      body: { query: "hello" },
      answer: ["results", "0", "text"],
    });
  });

  it.each([
    ["{path: 'http://elsewhere/search'}", "", "proof.request.path"],
    ["{path: //elsewhere/search}", "", "proof.request.path"],
    ["{path: '/\\elsewhere'}", "", "proof.request.path"],
    ["{path: /search, body: {query: hello}}", "", "proof.request.body"],
    ["{method: DELETE, path: /memories}", "", "proof.request.method"],
    ["{method: POST, path: /search, body: &a [*a]}", "", "proof.request.body"],
    ["{path: /search, headers: {cookie: x}}", "", "headers"],
    ["{path: /search}", "  capability: flying\n", "proof.capability"],
  ])("is refused as %s %s", (request, rest, key) => {
    const failure = failureOf(question(request, rest));
    expect(failure).toMatchObject({ code: "catalog.invalid", exitCode: 2 });
    expect(failure.message).toContain(key);
  });
});
