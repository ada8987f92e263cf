import fc from "fast-check";
import { expect, test } from "vitest";
import { footSpans, lineWidth } from "../../../src/ui/ink/line.ts";

const keys = ["q: stop", "p: pause", "b: background", "l: log", "?: help"];

function text(columns: number): string {
  return footSpans(keys, columns)
    .map((span) => span.text)
    .join("");
}

test("a key is brighter than what it does", () => {
  expect(
    footSpans(["q: stop", "?: help"], 80).map(({ text: words, role }) => [words, role]),
  ).toEqual([
    ["q", "strong"],
    [": stop", "quiet"],
    ["   ", "plain"],
    ["?", "strong"],
    [": help", "quiet"],
  ]);
});

test("the keys are never cut: as columns go, first the gaps, then the colons, then whole keys, help and the first last", () => {
  expect(text(60)).toBe("q: stop   p: pause   b: background   l: log   ?: help");
  expect(text(50)).toBe("q: stop  p: pause  b: background  l: log  ?: help");
  expect(text(45)).toBe("q stop  p pause  b background  l log  ?: help".replace("?:", "?"));
  expect(text(40)).toBe("q stop  p pause  b background  ? help");
  expect(text(20)).toBe("q: stop   ?: help");
  fc.assert(
    fc.property(fc.integer({ min: 14, max: 80 }), (columns) => {
      expect(lineWidth(footSpans(keys, columns))).toBeLessThanOrEqual(columns);
    }),
  );
});
