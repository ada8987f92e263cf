import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { readYamlText } from "../../src/catalog/yaml-text.ts";

const errorsOf = (text: string) => {
  const { errors, lineOf } = readYamlText(text);
  return errors.map(({ offset, problem }) => `${lineOf(offset)}: ${problem}`);
};

describe("a text of YAML", () => {
  it("is read, and its keys are found again", () => {
    const text = 'a: 1\nb:\n  - c: two\n    "1": x\n';
    const { contents, errors, lineOf, offsetOf } = readYamlText(text);
    expect(errors).toEqual([]);
    expect(contents).toEqual({ a: 1, b: [{ c: "two", 1: "x" }] });
    expect(lineOf(offsetOf(["b", 0, "1"]))).toBe(4);
    expect(lineOf(offsetOf(["b", 0, "d"]))).toBe(3);
  });

  it.each([
    ["[", "1: this is nested too deeply"],
    ["{a: ", "1: this is nested too deeply"],
    ["- ", "1: this is nested too deeply"],
    ['["]",', "1: this is nested too deeply"],
    ["]", "1: "],
    ["!x ", "1: "],
  ])("is refused, and not for long looked at, with 100,000 of %j", (part, problem) => {
    expect(errorsOf(part.repeat(100_000))[0]).toContain(problem);
  });

  it("is no deeper through aliases than it may be without", () => {
    const chain = Array.from({ length: 100 }, (_, at) => `a${at}: &a${at} [*a${at - 1}]\n`);
    expect(errorsOf(`a-1: &a-1 1\n${chain.join("")}`)[0]).toContain("nested too deeply");
  });

  it("has each key once, of 20,000, too", () => {
    const keys = Array.from({ length: 20_000 }, (_, at) => `k${at}: 1\n`).join("");
    expect(errorsOf(keys)).toEqual([]);
    expect(errorsOf(`${keys}k7: 2\n`)).toEqual(["20001: Map keys must be unique"]);
  });

  it.each([
    ["a: 1\n---\na: 2\n", "2: a second document begins here"],
    ["a: !!set {b}\n", "1: the tag !!set has no meaning here"],
    ["a: !!binary aGk=\n", "1: the tag !!binary has no meaning here"],
    ["a: 1\nb: c\0d\n", "2: the character U+0000 is no text"],
    ["? [a]\n: 1\n", "1: a key must be a word"],
    ["a: *b\n", "1: "],
  ])("says what is wrong with %j", (text, problem) => {
    expect(errorsOf(text)[0]).toContain(problem);
  });

  it("tells of keys that would change what objects are", () => {
    expect(readYamlText("a: { __proto__: { b: 1 } }\n").forbidden).toEqual([["a", "__proto__"]]);
  });

  it("says the same by both libraries, or is refused", () => {
    const sample = `a: 1
b:
  - c: two
    d: 'x y'
  - [e, { f: g }]
h: |
  one
  two
i: >-
  three
  four
j: "k\\n l"
`;
    const signs = "\n\t :-#[]{},'\"|>&*!%@?~\\";
    const words =
      "0o7 0x1F 1_000 0b1 1e3 .inf .nan -.5 +1 00 -0 12:30 null True yes 2020-01-01 __proto__:";
    const gaps = ["\n  ", "- ", ": ", " #", "---\n", "...\n", "\r\n", "\u2028", "\uFEFF", "<<: "];
    const odd = fc.constantFrom(...signs.split(""), ...words.split(" "), ...gaps, '"\\x41"');
    const change = fc.record({
      at: fc.integer({ min: 5, max: sample.length }),
      gone: fc.nat(3),
      odd,
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        let text = sample;
        for (const { at, gone, odd: put } of changes) {
          text = text.slice(0, at) + put + text.slice(at + gone);
        }
        const { contents, errors, forbidden } = readYamlText(text);
        if (errors.length > 0 || forbidden.length > 0) return;
        const other = parseDocument(text);
        expect(other.errors).toEqual([]);
        expect(contents).toEqual(other.toJS());
      }),
      { numRuns: 3000, seed: 1 },
    );
  });
});
