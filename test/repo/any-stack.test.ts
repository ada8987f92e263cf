import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { expect, test } from "vitest";

const root = path.join(import.meta.dirname, "../..");

/** The names of the contract, and of the catalog that ships as the default. */
const allowed = [
  // Events, codes of failures, the stage and the check of that name, and the field of a status.
  /(["'`])annie(?:\.[a-z_.…]+)?\1/gu,
  /`annie\.…`|"annie\."/gu,
  /\bannie(?:: (?:z\.enum|"|`|row)|: standing|\??: "online"|\.(?:health|online|proved))/gu,
  /\breadonly annie: "online"/gu,
  /event\.annie\b/gu,
  /\{ ?(?:event: \{ )?annie\b/gu,
  /\bannie(?= (?:!==|===) "absent")/gu,
  /\bannie: "(?:Online|Waiting)/gu,
  /failures\/annie\.ts|"\.\/annie\.ts"|annieFailures/gu,
  /kind: annie\b/gu,
  /"her-os"/gu,
  // The other names of a flag.
  /--annie-timeout|HEROS_ANNIE_TIMEOUT|annieTimeout/gu,
  /--tiers|HEROS_TIERS|"tiers"/gu,
];

/** Fields of events and of schema 1. */
const tierFields =
  /^src\/(?:catalog\/schema-1|catalog\/catalog|catalog\/load|record\/event-|run\/events\/|run\/state\/|ui\/messages\/(?:reports|cache)|commands\/|release\/|serve\/)/u;

interface Named {
  readonly models: readonly { readonly repo?: string; readonly capability?: string }[];
  readonly stack: {
    readonly port: { readonly variable: string };
    readonly services: Readonly<Record<string, unknown>>;
  };
}

function stackNames(): readonly string[] {
  const file = path.join(root, "assets/catalogs/her-os.yaml");
  const { models, stack } = parse(readFileSync(file, "utf8")) as Named;
  return [
    ...models.flatMap(({ repo, capability }) => [repo ?? [], capability ?? []].flat()),
    ...Object.keys(stack.services),
    stack.port.variable,
  ];
}

function wrongIn(file: string, text: string): string[] {
  const names = stackNames();
  const plain = allowed.reduce((rest, pattern) => rest.replaceAll(pattern, ""), text);
  return plain.split("\n").flatMap((line, at) => {
    const isWrong =
      /annie|her[-_]os\b|HER_OS/iu.test(line) ||
      names.some((name) => line.includes(name)) ||
      (/\btiers?\b/iu.test(line) && !tierFields.test(file));
    return isWrong ? [`${file}:${at + 1}: ${line.trim()}`] : [];
  });
}

function sources(): string[] {
  return readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/u.test(name) && !name.startsWith("demo/"))
    .map((name) => `src/${name}`);
}

test("no name of one stack stands in the program outside the demo", () => {
  const wrong = sources().flatMap((file) =>
    wrongIn(file, readFileSync(path.join(root, file), "utf8")),
  );
  expect(wrong).toEqual([]);
});

test.each([
  'say("Annie is online")',
  'const core = "her-os-core";',
  'env["HER_OS_VERSION"]',
  'const repo = "Qwen/Qwen3-Embedding-0.6B";',
  'if (capability === "voice_stt") return;',
  "// The first tier comes first.",
])("%s is found", (line) => {
  expect(wrongIn("src/plan/planted.ts", line)).toHaveLength(1);
});
