import { expect, test } from "vitest";
import { isPlainName, matchesGlob } from "../../src/run/glob.ts";

test("patterns mean what allow_patterns of huggingface_hub mean", () => {
  expect(matchesGlob("onnx/model.onnx", "*.onnx")).toBe(true);
  expect(matchesGlob("onnx/model.onnx", "onnx/")).toBe(true);
  expect(matchesGlob("config.json", "config.json")).toBe(true);
  expect(matchesGlob("config_json", "config.json")).toBe(false);
  expect(matchesGlob("model-00001.bin", "model-0000[12].bin")).toBe(true);
  expect(matchesGlob("model-00003.bin", "model-0000[!12].bin")).toBe(true);
  expect(matchesGlob("a+b (1).txt", "a+b (?).txt")).toBe(true);
  expect(matchesGlob("a.json.bak", "*.json")).toBe(false);
  // As Python's fnmatch has them.
  const odd: [string, string, boolean][] = [
    ["m", "[z-a]", false],
    ["m", "[!z-a]", true],
    ["b", "[a-cz-x]", true],
    ["-", "[a-]", true],
    ["]", "[]a]", true],
    ["b", "[!]a]", true],
    ["^", "[^a]", true],
    ["[a", "[a", true],
    ["[]", "[]", true],
    ["-", "[a-c-e]", true],
    ["d", "[a-c-e]", false],
    ["\u{1F984}", "?", true],
    ["a\nb", "a*b", true],
    ["", "***", true],
  ];
  for (const [path, pattern, expected] of odd) {
    expect([path, pattern, matchesGlob(path, pattern)]).toEqual([path, pattern, expected]);
  }
  // A regular expression would take until the end of days.
  expect(matchesGlob("a".repeat(4000), `${"*a".repeat(40)}*b`)).toBe(false);
  expect(isPlainName("a/b.json")).toBe(true);
  expect(isPlainName("a/*.json")).toBe(false);
});
