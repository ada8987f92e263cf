import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Failure } from "../../../../src/run/failure.ts";
import { decode, encode } from "../../../../src/host/text-files.ts";
import {
  editEnv,
  type EnvEdit,
  envValue,
  readEnvFile,
} from "../../../../src/deploy/compose/env/env-file.ts";
import { envCases } from "./env-cases.ts";

const answers = JSON.parse(
  readFileSync(new URL("compose-answers.json", import.meta.url), "utf8"),
) as Record<string, object | null>;
const outside: Readonly<Record<string, string>> = { OUTER: "outside", EMPTY: "" };

function envText(text: string) {
  return { text, path: "/x/.env", lookup: (name: string) => outside[name] };
}

const fromBytes = (signs: string) => decode(Buffer.from(signs, "latin1"));

/** A and B, or null where the file is refused. */
function read(text: string): object | null {
  try {
    const entries = readEnvFile(envText(text));
    const value = (key: string) => envValue(entries, key)?.toWellFormed() ?? null;
    return { A: value("A"), B: value("B") };
  } catch (error) {
    if (error instanceof Failure && error.code === "stack.env_invalid") return null;
    throw error;
  }
}

test.each(["utf16le", "utf16be"])("a file in %s is refused for that", (encoding) => {
  const bytes = Buffer.from("\uFEFFA=1\n", "utf16le");
  const text = decode(encoding === "utf16le" ? bytes : bytes.swap16());
  expect(() => readEnvFile(envText(text))).toThrow("UTF-16");
});

test.each(envCases)("%j is read as compose reads it", (signs) => {
  expect(answers).toHaveProperty([signs]);
  expect(read(fromBytes(signs))).toEqual(answers[signs]);
});

test.each([
  ["", "A=2\n"],
  ["B=1\n", "B=1\nA=2\n"],
  ["B=1", "B=1\nA=2\n"],
  ["B=1\r\nC=3\r\n", "B=1\r\nC=3\r\nA=2\r\n"],
  ["# mine\n\nexport A='1' # why\nB=1", "# mine\n\nexport A='2' # why\nB=1"],
  ["A=1\r\nB=1\r\n", "A=2\r\nB=1\r\n"],
  ["A=\r\nB=1\r\n", "A=2\r\nB=1\r\n"],
  ["A=0\nA=1\n", "A=0\nA=2\n"],
  ['B="\nA=9\n"\n', 'B="\nA=9\n"\nA=2\n'],
  ["A=2 # kept", "A=2 # kept"],
  ["B=2\nA=${B} # kept", "B=2\nA=${B} # kept"],
  ["\xef\xbb\xbfB=1\n", "\xef\xbb\xbfB=1\nA=2\n"],
  ["B=p\xe4ss\nA=1\n", "B=p\xe4ss\nA=2\n"],
  ["A\n", "A\nA=2\n"],
  ["B='1'A=1", "B='1'A=2"],
])("setting A in %j touches nothing else", (before, after) => {
  const edited = editEnv(envText(fromBytes(before)), [{ key: "A", value: "2" }]);
  expect(encode(edited).toString("latin1")).toBe(after);
});

test.each([
  ["A=x", "A=x:y"],
  ["A='x' # c\n", "A='x:y' # c\n"],
  ['A="${B}"\r\n', 'A="${B}:y"\r\n'],
  ["A=$B\n", "A=$B:y\n"],
  ["A=x # c", "A=x:y # c"],
  ["A=0\nA=x\nB=$A\n", "A=0\nA=x:y\nB=$A\n"],
])("adding to A in %j leaves what it is made of", (before, after) => {
  expect(editEnv(envText(before), [{ key: "A", append: ":y" }])).toBe(after);
});

test("a value that can't be added where it stands is told, and not written wrongly", () => {
  const text = "COMPOSE_FILE=a.yml$X\n";
  expect(() => editEnv(envText(text), [{ key: "COMPOSE_FILE", append: "_y" }])).toThrow(Failure);
});

test("whatever the bytes are, they become a text and the same bytes again", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(encode(decode(Buffer.from(bytes)))).toEqual(Buffer.from(bytes));
    }),
  );
});

test("an edit gives the key its value, and takes away no line but its own", () => {
  const pieces =
    "A|B|C=|A=|=|'|\"|#| |\n|\r\n|\t|$B|${A:-x}|$|\\|export |\uFEFF|x|ä|\uDCE4|:|\u00A0".split("|");
  const piece = fc.constantFrom(...pieces);
  const file = fc.array(piece, { maxLength: 25 }).map((parts) => parts.join(""));
  const edit: fc.Arbitrary<EnvEdit> = fc.constantFrom(
    { key: "A", value: "2" },
    { key: "A", append: ":y" },
    { key: "D", value: "x y" },
  );
  fc.assert(
    fc.property(file, edit, (text, change) => {
      if (read(text) === null) return;
      const before = readEnvFile(envText(text));
      let edited: string;
      try {
        edited = editEnv(envText(text), [change]);
      } catch (error) {
        expect(error).toBeInstanceOf(Failure);
        return;
      }
      const old = envValue(before, change.key) ?? "";
      const wanted = "value" in change ? change.value : old + change.append;
      expect(envValue(readEnvFile(envText(edited)), change.key)).toBe(wanted);
      const entry = before.findLast(({ key }) => key === change.key);
      const [kept, rest] = [text.slice(0, entry?.start), text.slice(entry?.end ?? text.length)];
      expect([edited.startsWith(kept), edited.endsWith(rest)]).toEqual([true, true]);
    }),
    { numRuns: 500 },
  );
});

test("a file that is wrong is told by its line, and shows nothing of it", () => {
  expect(() => readEnvFile(envText("B=1\nA='s3cret\nB=2\n"))).toThrow("/x/.env is invalid: line 2");
  expect(() => readEnvFile(envText("A=1\nMII+s3cret==\n"))).toThrow(
    expect.objectContaining({
      code: "stack.env_invalid",
      exitCode: 2,
      message: expect.not.stringContaining("s3cret") as string,
    }) as Error,
  );
});
