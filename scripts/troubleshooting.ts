import { writeFile } from "node:fs/promises";
import { closingOf } from "../src/cli/run-lifecycle.ts";
import type { Failure } from "../src/run/failure.ts";
import { failure, type FailureCode, failures } from "../src/run/failures/table.ts";
import { checks } from "../src/checks/table.ts";
import { checkExamples } from "./check-examples.ts";
import { failureExamples } from "./failure-examples.ts";
import { otherGuides } from "./other-guides.ts";
import { withName } from "../src/run/assistant.ts";

type Told = Pick<Failure, "message" | "hint" | "exitCode">;

/** docs/troubleshooting.md, from the table of failures. `npm run docs` writes it. */
export function troubleshooting(): string {
  return withName(textWithNames(), null);
}

function textWithNames(): string {
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
    "<!-- Made by `npm run docs` from the tables in `src/run/failures`; don't edit it by hand. -->",
    "",
    "# Troubleshooting",
    "",
    "Every error has a code: it is on the screen, and in the last JSON line. For each code this page has the [exit status](../README.md#exit-statuses), what heros says (names, paths and numbers are examples), and what to do.",
    "",
    "`heros doctor` checks the machine ([its checks](#checks)). Each setup and pull is recorded in `~/.local/state/heros/logs`.",
    "",
    "| what is wrong | codes |",
    "|---|---|",
    ...symptoms.map(([symptom, areas]) => `| ${symptom} | ${linksTo(codes, areas)} |`),
    "",
    "## Checks",
    "",
    "`heros doctor ID` runs one of them alone, and shows what to do about it ([more](doctor.md)).",
    "",
    ...checks.flatMap(checkEntry),
    "## From other guides",
    "",
    "If you come from another guide to models in containers, this is what its troubleshooting section becomes:",
    "",
    ...otherGuides.flatMap(([trouble, answer]) => [`**${trouble}.** ${answer}`, ""]),
    ...entries.toSorted(([one = ""], [other = ""]) => (one < other ? -1 : 1)).flat(),
  ].join("\n");
}

/** What a check can find, with its fixes; the words of failures stand in their own entries. */
function checkEntry({ id, title, why }: (typeof checks)[number]): string[] {
  const { codes, warnings } = checkExamples[id];
  const told = warnings.map(
    ({ found, remedy }) =>
      `- ${escaped(found)}${remedy === undefined ? "" : `. Fix: ${escaped(remedy)}`}`,
  );
  const links = codes.map((code) => `[${code}](#${code.replaceAll(".", "")})`);
  return [
    `### ${id}`,
    "",
    `${title}. ${why}`,
    "",
    ...(told.length === 0 ? [] : [...told, ""]),
    ...(links.length === 0 ? [] : [`Failures: ${links.join(", ")}`, ""]),
  ];
}

/** What a person sees, and the first words of the codes that tell of it. */
const symptoms: readonly (readonly [symptom: string, areas: readonly string[]])[] = [
  ["Docker does not work", ["docker", "compose"]],
  ["A container or an image fails", ["annie.container", "stack"]],
  ["The network or the Hub fails", ["hub", "download"]],
  ["The disk is full, or a folder can't be used", ["disk", "cache", "files", "path"]],
  ["The machine lacks something", ["machine", "gpu", "port", "doctor"]],
  ["Annie does not answer", ["annie"]],
  ["A token is refused", ["token", "hub.unauthorized", "hub.gated", "hub.forbidden"]],
  ["Installing or upgrading fails", ["release", "uninstall"]],
];

function linksTo(codes: readonly string[], areas: readonly string[]): string {
  const found = codes.filter((code) =>
    areas.some(
      (area) => code.startsWith(`${area}.`) || code === area || code.startsWith(`${area}_`),
    ),
  );
  return found
    .toSorted()
    .map((code) => `[${code}](#${code.replaceAll(".", "")})`)
    .join(", ");
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
