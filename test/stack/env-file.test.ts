import { expect, test } from "vitest";
import { envValue, readEnvFile, setEnvValues } from "../../src/stack/env-file.ts";

test.each([
  ["A=1", "1"],
  ["export A=1", "1"],
  ["A: 1", "1"],
  ["  A = 1  ", "1"],
  ["A=1 # why", "1"],
  ["A=1#2", "1#2"],
  ["A=", ""],
  ["A=# nothing", ""],
  ['A="1 # 2"', "1 # 2"],
  ["A='$HOME'", "$HOME"],
  ['A="a\\"b"', 'a\\"b'],
  ["A=1\nA=2", "2"],
  ["#A=0\nA=1\r\n", "1"],
  ["\uFEFFA=1", "1"],
  ["B='\nA=9\n'\nA=1", "1"],
])("%j sets A to %j", (text, value) => {
  expect(envValue(readEnvFile(text, ".env"), "A")).toBe(value);
});

test.each([
  ["", "A=2\n"],
  ["B=1\n", "B=1\nA=2\n"],
  ["B=1", "B=1\nA=2\n"],
  ["B=1\r\nC=3\r\n", "B=1\r\nC=3\r\nA=2\r\n"],
  ["# mine\n\nexport A='1' # why\nB=1", "# mine\n\nexport A='2' # why\nB=1"],
  ["A=1\r\nB=1\r\n", "A=2\r\nB=1\r\n"],
  ["A=0\nA=1\n", "A=0\nA=2\n"],
  ['B="\nA=9\n"\n', 'B="\nA=9\n"\nA=2\n'],
  ["A=2 # kept", "A=2 # kept"],
])("setting A in %j touches nothing else", (before, after) => {
  expect(setEnvValues(before, ".env", { A: "2" })).toBe(after);
});

test("a quote that is never closed is told with the key's name", () => {
  expect(() => readEnvFile("A='1\nB=2\n", "/x/.env")).toThrow(
    "/x/.env is wrong: the quote after A",
  );
});
