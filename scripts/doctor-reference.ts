import { writeFile } from "node:fs/promises";
import { z } from "zod";
import { checks } from "../src/checks/table.ts";
import { eventSchemas } from "../src/record/event-schemas.ts";
import { withName } from "../src/run/assistant.ts";

/** docs/doctor.md, from the table of checks and the schema of the report. `npm run docs` writes it. */
export function doctorReference(): string {
  return withName(text(), null);
}

function text(): string {
  return [
    "<!-- Made by `npm run docs` from `src/checks/table.ts` and `src/record/event-schemas.ts`; don't edit it by hand. -->",
    "",
    "# heros doctor",
    "",
    "`heros doctor` checks this machine and shows each problem with its fix. `heros doctor gpu hub` runs two checks alone, and `heros doctor --list` shows all of them. It changes nothing without `--fix`.",
    "",
    "It ends with the [exit status](../README.md#exit-statuses) that `heros setup` would end with on this machine: 0 if nothing prevents Annie from running.",
    "",
    "`heros doctor --fix` shows and then does what can't do harm: it closes a token file to other users (`chmod 600`), writes `docker-compose.heros.yml` again if only that file is missing or outdated and nobody edited it, and removes names of images that interrupted runs left in Docker. Everything else is yours to do.",
    "",
    "## Checks",
    "",
    "| id | check | why it matters |",
    "|---|---|---|",
    ...checks.map(({ id, title, why }) => `| \`${id}\` | ${title} | ${why} |`),
    "",
    "## The report",
    "",
    "With `--json`, one line of type `doctor.report` comes before the last line. Every check that was run is in it once, in the order of the table:",
    "",
    "```json",
    JSON.stringify(example, null, 2),
    "```",
    "",
    "| status | meaning |",
    "|---|---|",
    "| `ok` | nothing to do |",
    "| `warning` | Annie can run, but this needs attention |",
    "| `failed` | `fix` says what to do: a command or a sentence |",
    "| `skipped` | not checked; `found` says why |",
    "",
    "`fix` is `null` if there is nothing to fix. `schema` is the version of this form. New keys and checks may be added to version 1; the meaning of a key changes only with a new version.",
    "",
    "The line as [JSON Schema](https://json-schema.org/draft/2020-12/schema):",
    "",
    "```json",
    JSON.stringify(reportSchema(), null, 2),
    "```",
    "",
  ].join("\n");
}

const [, , gpu] = checks;

const example = {
  v: 1,
  at: 1042,
  type: "doctor.report",
  schema: 1,
  checks: [
    {
      id: gpu.id,
      title: gpu.title,
      status: "ok",
      found: "NVIDIA GB10, driver 580.142",
      why: gpu.why,
      fix: null,
    },
  ],
};

function reportSchema() {
  const { properties, required, ...rest } = z.toJSONSchema(eventSchemas["doctor.report"]);
  return {
    ...rest,
    properties: {
      v: { const: 1 },
      at: { type: "number" },
      type: { const: "doctor.report" },
      ...properties,
    },
    required: ["v", "at", "type", ...(required ?? [])],
  };
}

if (import.meta.main) {
  await writeFile(new URL("../docs/doctor.md", import.meta.url), doctorReference());
}
