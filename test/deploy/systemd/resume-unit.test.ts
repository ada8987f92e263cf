import fc from "fast-check";
import { expect, test } from "vitest";
import { isResumeUnit, resumeUnitText, unitWord } from "../../../src/deploy/systemd/resume-unit.ts";
import { readUnit, wordsOf } from "./read-unit.ts";

test("a unit starts the program with its arguments, waits between tries, and is started with the user's services", () => {
  const text = resumeUnitText({
    command: ["/home/ada/.local/bin/heros", "setup", "--yes", "--storage", "/data/my models"],
    environment: { PATH: "/usr/bin:/bin", HF_HOME: "/data/50% full" },
  });
  expect(isResumeUnit(text)).toBe(true);
  expect(text.split("\n")).toEqual(
    expect.arrayContaining([
      'ExecStart=:/home/ada/.local/bin/heros setup --yes --storage "/data/my models"',
      "Environment=PATH=/usr/bin:/bin",
      'Environment="HF_HOME=/data/50%% full"',
      "Restart=on-failure",
      "RestartSec=60",
      "StartLimitBurst=10",
      "WantedBy=default.target",
    ]),
  );
  expect(readUnit(text).command.at(-1)).toBe("/data/my models");
  expect(readUnit(text).env["HF_HOME"]).toBe("/data/50% full");
});

test("a program whose path systemd would not take is started by a shell", () => {
  const command = ["/home/o'brien/heros", "setup"] as const;
  const text = resumeUnitText({ command: [...command], environment: {} });
  expect(readUnit(text).command).toEqual(["/bin/sh", "-c", 'exec "$0" "$@"', ...command]);
});

test.each([
  ["/home/ada/.local/bin/heros", "/home/ada/.local/bin/heros"],
  ["/my models", '"/my models"'],
  ["50%", "50%%"],
  ["$HOME", '"$HOME"'],
  ['a "b" \\c', String.raw`"a \"b\" \\c"`],
  [";", '";"'],
  ["", '""'],
  ["it's", `"it's"`],
  ["two\nlines\t", String.raw`"two\x0alines\x09"`],
  ["é ü", '"é ü"'],
])("%j stands in a unit as %j", (word, written) => {
  expect(unitWord(word)).toBe(written);
});

test("whatever is in a word, systemd reads one word in one line, and the same", () => {
  const word = fc.string({ unit: fc.constantFrom(..." \t\n\"'\\$%;#:@é漢ab/-=".split("")) });
  fc.assert(
    fc.property(fc.array(word), (words) => {
      const line = words.map(unitWord).join(" ");
      expect(line).not.toContain("\n");
      expect(wordsOf(line)).toEqual(words);
    }),
  );
});
