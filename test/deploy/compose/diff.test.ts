import fc from "fast-check";
import { expect, test } from "vitest";
import { redactLine, unifiedDiff } from "../../../src/deploy/compose/diff.ts";
import { redactComposeOutput } from "../../../src/docker/compose-failures.ts";

const same = (text: string) => text.split("\n");

test("a diff shows what changes with three lines around it", () => {
  const before = "a\nb\nc\nd\ne\nf\ng\nh\ni\n";
  const diff = unifiedDiff(".env", before, before.replace("e", "E"), same);
  expect(diff).toBe(`--- .env
+++ .env
@@ -2,7 +2,7 @@
 b
 c
 d
-e
+E
 f
 g
 h
`);
});

test("a new file is compared with nothing", () => {
  expect(unifiedDiff("f", null, "a\nb\n", same)).toBe(
    "--- /dev/null\n+++ f\n@@ -0,0 +1,2 @@\n+a\n+b\n",
  );
});

test("whatever the texts, the diff leads from one to the other", () => {
  const lines = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 30 });
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const [old, now] = [before, after].map((list) => list.map((line) => `${line}\n`).join(""));
      expect(apply(before, unifiedDiff("f", old ?? "", now ?? "", same))).toEqual(after);
    }),
  );
});

/** As `patch` does it, trusting the hunks' line numbers. */
function apply(before: readonly string[], diff: string): string[] {
  const result: string[] = [];
  let next = 0;
  for (const line of diff.split("\n").slice(2, -1)) {
    const start = /^@@ -(\d+),(\d+)/.exec(line);
    if (start !== null) {
      const from = Number(start[2]) === 0 ? Number(start[1]) : Number(start[1]) - 1;
      while (next < from) result.push(before[next++] ?? "?");
      continue;
    }
    if (line.startsWith("+")) result.push(line.slice(1));
    else {
      expect(before[next]).toBe(line.slice(1));
      if (line.startsWith(" ")) result.push(line.slice(1));
      next += 1;
    }
  }
  return [...result, ...before.slice(next)];
}

test.each([
  ["POSTGRES_PASSWORD=abc", "POSTGRES_PASSWORD=[secret]"],
  ["export MY_TOKEN='abc'", "export MY_TOKEN=[secret]"],
  ["      API_KEY: abc", "      API_KEY: [secret]"],
  ["      - DB_PASS=abc", "      - DB_PASS=[secret]"],
  ["URL=postgres://me:abc@db/x", "URL=postgres://me:[secret]@db/x"],
  ["command: run hf_abcdefghijkl", "command: run [secret]"],
  ["      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?run heros setup}", null],
  ["      HF_TOKEN_PATH: /run/secrets/hf_token", null],
  ["COMPOSE_FILE=docker-compose.yml", null],
])("%j is shown without its secret", (line, shown) => {
  expect(redactLine(line)).toBe(shown ?? line);
});

test.each([
  'failed to read /s/x.env: line 2: unexpected character "+" in variable name "MII+s3cret=="',
  'failed to read /s/x.env: line 1: unterminated quoted value "s3cret',
])("what compose says of a wrong file of variables is shown without the line: %s", (words) => {
  const shown = redactComposeOutput(words);
  expect(shown).toContain("/s/x.env: line");
  expect(shown).not.toContain("s3cret");
});

test("a text of which too much changes is shown as another one", () => {
  const of = (sign: string) => Array.from({ length: 1100 }, (_, line) => `${sign}${line}\n`);
  const diff = unifiedDiff("f", of("a").join(""), of("b").join(""), same);
  expect(diff.split("\n").slice(2, 4)).toEqual(["@@ -1,1100 +1,1100 @@", "-a0"]);
  expect(
    apply(
      of("a").map((line) => line.trim()),
      diff,
    ),
  ).toEqual(of("b").map((line) => line.trim()));
});
