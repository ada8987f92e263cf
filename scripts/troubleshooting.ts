import { writeFile } from "node:fs/promises";
import { closingOf } from "../src/cli/run-command.ts";
import type { Failure } from "../src/run/failure.ts";
import { failure, type FailureCode, failures } from "../src/run/failures/table.ts";
import { failureExamples } from "./failure-examples.ts";

type Told = Pick<Failure, "message" | "hint" | "exitCode">;

/** docs/troubleshooting.md, from the table of failures. `npm run docs` writes it. */
export function troubleshooting(): string {
  const codes = Object.keys(failures) as FailureCode[];
  const entries = codes.map((code) =>
    entry(
      code,
      failureExamples[code].map((data) => tell(code, data)),
    ),
  );
  const bug = closingOf(new TypeError("Cannot read properties of undefined"), {
    interrupted: false,
    resumeHint: "",
  });
  if (bug.type === "run.failed") entries.push(entry(bug.code, [bug]));
  return [
    "# Troubleshooting",
    "",
    "Made by `npm run docs` from the tables in `src/run/failures`; don't edit it by hand.",
    "",
    "Every error has a code: it is on the screen, and in the last JSON line. For each code this page has the [exit status](../README.md#exit-statuses), what heros says (names, paths and numbers are examples), and what to do.",
    "",
    "`heros doctor` checks the machine. Each run is recorded in `~/.local/state/heros/logs`.",
    "",
    ...entries.toSorted(([one = ""], [other = ""]) => (one < other ? -1 : 1)).flat(),
  ].join("\n");
}

function tell(code: FailureCode, data: unknown): Told {
  // Each example has the type of its own row, which is lost in a union of all rows.
  return (failure as (code: FailureCode, data: unknown) => Failure)(code, data);
}

/** The lines about a code; the first is its heading. */
function entry(code: string, examples: readonly Told[]): string[] {
  const statuses = [...new Set(examples.map(({ exitCode }) => exitCode))];
  return [
    `## ${code}`,
    "",
    `Exit status ${statuses.join(" or ")}.`,
    "",
    ...examples.flatMap(({ message, hint }) => [
      ...escaped(message)
        .split("\n")
        .map((line, index, lines) => `> ${line}${index < lines.length - 1 ? "\\" : ""}`),
      "",
      escaped(hint),
      "",
    ]),
  ];
}

/** As Markdown, in which it reads as it is. */
function escaped(text: string): string {
  return text.replaceAll(/[\\`*<[\]]/g, String.raw`\$&`);
}

if (import.meta.main) {
  await writeFile(new URL("../docs/troubleshooting.md", import.meta.url), troubleshooting());
}
