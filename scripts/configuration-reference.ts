import { writeFile } from "node:fs/promises";
import { namesOf, type Question, questions } from "../src/plan/questions.ts";
import { type Setting, settings } from "../src/plan/settings.ts";
import { withName } from "../src/run/assistant.ts";

function flagLine({
  flag,
  argument,
  summary,
}: Pick<Question, "flag" | "argument" | "summary">): string {
  return `- Flag: \`${flag}${argument === null ? "" : ` <${argument}>`}\` — ${summary}`;
}

function ticked(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}

/** docs/configuration.md, from the tables of questions and settings. `npm run docs` writes it anew. */
export function configurationReference(): string {
  return withName(text(), null);
}

function text(): string {
  const names = ({
    flag,
    environment,
    configKey,
  }: Pick<Setting, "flag" | "environment" | "configKey">) => [flag, environment, configKey];
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    "# Flags, environment and config file",
    "",
    "Made by `npm run docs` from the tables in `src/plan`; don't edit it by hand.",
    "",
    "A flag wins over the environment, the environment over the config file (`--config FILE` or `HEROS_CONFIG`), that over the answers of the last run, those over the default.",
    "With `--yes` nothing is asked.",
    "",
    "## Questions",
    "",
    ...questions.flatMap((question: Question) => [
      `### ${question.prompt}`,
      "",
      question.help,
      "",
      flagLine(question),
      ...(question.otherName === undefined ? [] : [flagLine(question.otherName)]),
      `- Environment: ${ticked(namesOf(question).map(({ environment }) => environment))}`,
      `- Config file: ${ticked(namesOf(question).map(({ configKey }) => configKey))}`,
      "",
    ]),
    "## Settings",
    "",
    row(["flag", "environment", "config file", "what it does"]),
    row(["---", "---", "---", "---"]),
    ...settings.map((setting) =>
      row([
        ...names(setting).map((cell) => `\`${cell}\``),
        setting.otherName === undefined
          ? `${setting.serveOnly === true ? "of `heros serve`: " : ""}${setting.help}`
          : `${setting.help}; ${names(setting.otherName)
              .map((cell) => `\`${cell}\``)
              .join(", ")} mean the same`,
      ]),
    ),
    "",
    "## A config file",
    "",
    "```yaml",
    "tiers: [1, 2]",
    "storage: /data/models",
    "startup: wait",
    "limitRate: 50M",
    "```",
    "",
    "An unknown key, or a value that can't be, is told with file, line and key (exit status 2).",
    "",
  ].join("\n");
}

if (import.meta.main) {
  await writeFile(new URL("../docs/configuration.md", import.meta.url), configurationReference());
}
