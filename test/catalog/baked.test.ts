import { expect, test } from "vitest";
import { parseBakedLabel, withoutBaked } from "../../src/catalog/baked.ts";
import { parseCatalog } from "../../src/catalog/load.ts";

const commit = "a".repeat(40);
const catalog = parseCatalog(
  `schema: 1
stack: s
tiers: [{id: 1, name: One, required: true}]
models:
  - {id: a, title: A, repo: o/a, revision: ${commit}, tier: 1, purpose: A, memoryGib: 1}
  - {id: b, title: B, repo: o/b, revision: main, tier: 1, purpose: B, memoryGib: 1, also: [{repo: o/c, revision: main}]}
`,
  "s.yaml",
);

const split = (label: string) => {
  const { models, baked } = withoutBaked(catalog.models, parseBakedLabel(label));
  return [models.map(({ parts }) => parts.map(({ repo }) => repo)), baked.map(({ id }) => id)];
};

test.each([
  ["", [["o/a"], ["o/b", "o/c"]], []],
  ["o/x, no repository, ;o/a", [["o/a"], ["o/b", "o/c"]], []],
  ["o/a", [["o/b", "o/c"]], ["a"]],
  [`o/a@${commit}`, [["o/b", "o/c"]], ["a"]],
  [`o/a@${"b".repeat(40)}`, [["o/a"], ["o/b", "o/c"]], []],
  ["o/b", [["o/a"], ["o/c"]], []],
  [" o/b@main , o/c,o/a ", [], ["a", "b"]],
])(
  "of an image labelled %j what is left to download is %j, and %j is baked",
  (label, left, baked) => {
    expect(split(label)).toEqual([left, baked]);
  },
);
