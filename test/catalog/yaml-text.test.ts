import { describe, expect, it } from "vitest";
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
});
