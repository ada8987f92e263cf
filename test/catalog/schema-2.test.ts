import { workerModels } from "../rma-demo.ts";
import { readFile } from "node:fs/promises";
import { describe, expect, it, test } from "vitest";
import { fittingCatalog, groupLack, splitByFit } from "../../src/catalog/capacity.ts";
import {
  completeGroups,
  defaultGroups,
  memoryGibOf,
  modelsOfGroups,
  withRequires,
} from "../../src/catalog/catalog.ts";
import { parseCatalog } from "../../src/catalog/load.ts";
import { Failure } from "../../src/run/failure.ts";
import { catalogSchema } from "../../scripts/catalog-schema.ts";

const mine = `schema: 2
stack:
  id: mine
  title: My stack
  base: ./compose.yml
  service: web
  port: { variable: MY_PORT, usual: 9000, inside: 80 }
  health: { kind: http, path: /ready, expects: [{ path: ready, equals: true }] }
  services:
    web:
      models: [{ store: hub, at: /models/hub }]
      environment: { MODELS: "{models}" }
groups:
  - { id: small, required: true }
  - { id: worker-a, oneOf: worker, requires: [extra], needs: { gpus: 1, gpuMemoryGib: 24 } }
  - { id: worker-b, oneOf: worker, default: true }
  - { id: extra, choice: false }
models:
  - { id: one, repo: o/one, group: small, memoryGib: 2 }
  - { id: two, source: "ollama:llama3.2", group: extra, memoryGib: 3, loading: on-demand }
  - id: three
    source: ollama:big:70b
    group: worker-b
    memoryGib: 40
    recommendedGib: 48
    loading: on-demand
    variants:
      - { title: Big, quantised, source: "ollama:big:8b", memoryGib: 5, recommendedGib: 8 }
`.replace("title: Big, quantised,", 'title: "Big, quantised",');

const catalogOf = (text: string) => parseCatalog(text, "mine.yaml");

function messageOf(text: string): string {
  try {
    catalogOf(text);
  } catch (error) {
    if (error instanceof Failure && error.code === "catalog.invalid") return error.message;
    throw error;
  }
  throw new Error("the catalog was accepted");
}

describe("groups", () => {
  const catalog = catalogOf(mine);

  it("bring those that they require, and the required ones", () => {
    expect(defaultGroups(catalog)).toEqual(["small", "worker-b"]);
    expect(completeGroups(catalog, ["worker-a"])).toEqual(["small", "worker-a", "extra"]);
    const alone = modelsOfGroups(catalog, withRequires(catalog, ["worker-a"]));
    expect(alone.map(({ id }) => id)).toEqual(["two"]);
  });

  it("of which only one can be chosen are not chosen together", () => {
    expect(() => completeGroups(catalog, ["worker-a", "worker-b"])).toThrow(
      expect.objectContaining({ code: "groups.one_of", exitCode: 2 }),
    );
  });

  it("that a machine can't run are explained, those that they require among them", () => {
    const weak = { gpus: 1, gpuMemoryGib: 11.9, memoryGib: 64 };
    expect(groupLack(catalog, "worker-a", weak)).toBe(
      "a GPU with 24 GiB of memory; the one here has 12 GiB",
    );
    expect(groupLack(catalog, "worker-a", { ...weak, gpuMemoryGib: 23.6 })).toBeNull();
    expect(groupLack(catalog, "worker-a", { gpus: 0, gpuMemoryGib: 0, memoryGib: 8 })).toBe(
      "a GPU with 24 GiB of memory; no GPU was found here",
    );
    expect(splitByFit(catalog, ["small", "worker-a"], weak)).toMatchObject({
      fitting: ["small"],
      lacking: [{ group: { id: "worker-a" } }],
    });
  });
});

describe("models", () => {
  it("count for the memory: all that are always loaded, and the largest of those on demand", () => {
    expect(memoryGibOf(catalogOf(mine).models)).toBe(42);
  });

  it("are taken in the form that fits the machine", () => {
    const formOn = (gpuMemoryGib: number) =>
      fittingCatalog(catalogOf(mine), { gpus: 1, gpuMemoryGib, memoryGib: 64 }).models.find(
        ({ id }) => id === "three",
      );
    expect(formOn(119)?.parts[0].revision).toBe("70b");
    expect(formOn(12)).toMatchObject({ title: "Big, quantised", memoryGib: 5 });
    // Nothing fits: the smallest is still the best there is.
    expect(formOn(4)?.parts[0].revision).toBe("8b");
  });

  it("come with the one that stands in for them, which is fetched before them", () => {
    const text = mine.replace(
      "models:\n  - { id: one",
      "models:\n  - { id: full, repo: o/full, group: worker-b, standIn: tiny }\n  - { id: tiny, repo: o/tiny, group: extra }\n  - { id: one",
    );
    const catalog = catalogOf(text.replace("{ id: extra,", "{ id: extra, priority: 1,"));
    expect(modelsOfGroups(catalog, ["worker-b"]).map(({ id }) => id)).toEqual([
      "tiny",
      "full",
      "three",
    ]);
  });

  it("of Ollama can be pinned by what their manifest hashes to", () => {
    const digest = `sha256:${"a".repeat(64)}`;
    const pinned = mine.replace('"ollama:llama3.2"', `"ollama:llama3.2", digest: "${digest}"`);
    expect(catalogOf(pinned).models.find(({ id }) => id === "two")?.parts[0]).toEqual({
      repo: "ollama:registry.ollama.ai/library/llama3.2",
      revision: "latest",
      files: null,
      digest,
    });
  });
});

describe("a catalog of schema 2", () => {
  it.each([
    [
      "a model in two groups",
      mine.replace(
        "models:\n  - { id: one",
        "models:\n  - { id: again, repo: o/one, group: extra }\n  - { id: one",
      ),
      'models.1.group: the same model is in the group "extra", as "again"',
    ],
    [
      "an unknown group that is required",
      mine.replace("[extra]", "[nothing]"),
      'unknown group "nothing"',
    ],
    [
      "needs that go in a circle",
      mine.replace("{ id: extra, choice: false }", "{ id: extra, requires: [worker-a] }"),
      "goes in a circle: worker-a → extra → worker-a",
    ],
    [
      "a service that is not there",
      mine.replace("service: web", "service: other"),
      'stack.service: "other" is not',
    ],
    [
      "a placeholder that does not exist",
      mine.replace('"{models}"', '"{model}"'),
      "unknown placeholder {model}",
    ],
    [
      "a store that the service does not have",
      mine.replace('"{models}"', '"{ollama}"'),
      "{ollama}: this service has no",
    ],
    [
      "two sources of one model",
      mine.replace("repo: o/one", "repo: o/one, source: ollama:x"),
      "leave one of them out",
    ],
    ["no source at all", mine.replace("repo: o/one, ", ""), "must have a repo"],
    [
      "a name that Ollama does not take",
      mine.replace("ollama:llama3.2", "ollama:a/b/c/d/e"),
      "models.1.source",
    ],
    [
      "files of a model that is whole",
      mine.replace('"ollama:llama3.2"', '"ollama:llama3.2", files: [a]'),
      "an Ollama model is whole",
    ],
    [
      "a health check that has no port",
      mine.replace(/ {2}port: .*\n/u, ""),
      "needs the stack's port",
    ],
    [
      "a base that is no path",
      mine.replace("./compose.yml", "x/compose.yml"),
      "must be a path that begins with ./",
    ],
    [
      "less than it takes",
      mine.replace("recommendedGib: 48", "recommendedGib: 4"),
      "must be at least memoryGib",
    ],
    [
      "a port that is none",
      mine.replace("usual: 9000", "usual: 90000"),
      "must be a port from 1 to 65535",
    ],
    ["a key that does not exist", mine.replace("usual:", "usal:"), "stack.port.usal: unknown key"],
    [
      "no groups",
      mine.replace(/groups:\n( {2}.*\n)+/u, "groups: []\n"),
      "must have at least one group",
    ],
    [
      "a stand-in that is not there",
      mine.replace("group: small,", "group: small, standIn: other,"),
      'unknown model "other"',
    ],
  ])("says what is wrong with %s, and where", (_what, text, problem) => {
    expect(messageOf(text)).toContain(problem);
    expect(messageOf(text)).toMatch(/^Invalid catalog mine\.yaml, line \d+: /u);
  });

  it("tells all of it at once", () => {
    const text = mine.replace("service: web", "service: other").replace("[extra]", "[nothing]");
    expect(messageOf(text)).toMatch(/line 6: stack\.service.*; line 15: groups\.1\.requires\.0/u);
  });

  it("tells what can't be read and what can't be meant together", () => {
    const unknown = mine.replace("[extra]", "[nothing]");
    const typo = unknown.replace("choice: false", "choise: false");
    expect(messageOf(typo)).toMatch(/\.requires\.0: unknown group.*\.choise: unknown key/u);
    const value = unknown.replace("memoryGib: 2", "memoryGib: much");
    expect(messageOf(value)).toMatch(/\.requires\.0: unknown group.*models\.0\.memoryGib: /u);
  });

  it("judges what is left of a group whose key can't be read", () => {
    const text = mine.replace("requires: [extra]", "requires: [extra, nothing], default: maybe");
    expect(messageOf(text)).toContain("groups.1.default");
    expect(messageOf(text)).toContain('groups.1.requires.1: unknown group "nothing"');
  });
});

test.each(workerModels)("RMA-demo's %s pulls %j", async (group, ids) => {
  const text = await readFile("assets/catalogs/rma-demo.yaml", "utf8");
  const catalog = parseCatalog(text, "rma-demo.yaml");
  const models = modelsOfGroups(catalog, withRequires(catalog, [group]));
  expect(models.map(({ id }) => id)).toEqual(ids);
});

test.each([
  ["{models}", "{MODELS}", "{MODELS} is no placeholder"],
  ["{models}", "{value:}", "{value:} is no placeholder"],
  ["repo: o/one,", "repo: o/one, files: [../x],", "files.0: must be a path inside the repository"],
  ["repo: o/one,", "repo: o/one, files: [a/../x],", "must be a path inside the repository"],
  ["id: one,", `id: one, purpose: ${"x".repeat(201)},`, "must not be longer than 200 characters"],
])("in place of %s, %s is wrong", (from, to, problem) => {
  expect(messageOf(mine.replace(from, to))).toContain(problem);
  expect(messageOf(mine.replace(from, to))).not.toContain("Too big");
});

test("what is in braces and no placeholder is left alone", () => {
  expect(() => catalogOf(mine.replace("{models}", "${GPUS} {} {a: 1} {Other}"))).not.toThrow();
});

describe("all that is wrong is told at once:", () => {
  const told = (...changes: readonly (readonly [string, string])[]) =>
    messageOf(changes.reduce((text, [from, to]) => text.replace(from, to), mine));

  it("of one model, a wrong number and an unknown group", () => {
    const message = told(["group: small, memoryGib: 2", "group: smal, memoryGib: two"]);
    expect(message).toContain('models.0.group: unknown group "smal"');
    expect(message).toContain("models.0.memoryGib: ");
  });

  it("beside a wrong kind of health, which the stack can do without, all else", () => {
    const message = told(
      ["kind: http", "kind: htp"],
      ["{models}", "{model}"],
      ["small, mem", "x, mem"],
    );
    expect(message).toContain("stack.health.kind: ");
    expect(message).toContain("stack.services.web.environment.MODELS: unknown placeholder {model}");
    expect(message).toContain('models.0.group: unknown group "x"');
  });

  it("and nothing that only seems so as something else is wrong", () => {
    expect(told(["usual: 9000", "usual: 99999"])).toMatch(
      /, line 7: stack\.port\.usual: must be a port from 1 to 65535\.$/,
    );
    expect(
      told(
        ["id: one, repo", "id: '?', repo"],
        ["environment:", "loads: [one]\n      environment:"],
      ),
    ).toMatch(/, line 20: models\.0\.id: must consist of [^;]+\.$/);
    expect(told(["requires: [extra]", "requires: ['?', '!']"])).toMatch(
      /requires\.0: [^;]+; line \d+: groups\.1\.requires\.1: [^;]+\.$/,
    );
  });
});

test("10,000 models that stand in for each other are checked, and circles among them found", () => {
  const ring = (last: string) =>
    mine.slice(0, mine.indexOf("models:\n  - {")) +
    `models:\n${Array.from(
      { length: 9000 },
      (_, at) =>
        `  - { id: m${at}, repo: o/m${at}, group: small, standIn: ${at === 8999 ? last : `m${at + 1}`} }\n`,
    ).join("")}`;
  expect(messageOf(ring("m8998"))).toMatch(
    /models\.8998\.standIn: goes in a circle; line \d+: models\.8999\.standIn: goes in a circle\.$/,
  );
});

test("a key that would change what objects are is unknown wherever it stands", () => {
  expect(
    messageOf(mine.replace("services:\n", "services:\n    __proto__: { gpus: 1 }\n")),
  ).toContain("line 10: stack.services.__proto__: unknown key");
});

test("the JSON Schema for editors is made from what catalogs are checked by (npm run docs writes it anew)", async () => {
  expect(await readFile("assets/catalogs/catalog.schema.json", "utf8")).toBe(catalogSchema());
});
