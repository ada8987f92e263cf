import { expect, test } from "vitest";
import { manualPage } from "../../scripts/manual.ts";
import { completedProgram, type CompletedCommand } from "../../src/cli/completed-program.ts";
import { parseCatalog } from "../../src/catalog/load.ts";
import { questions } from "../../src/plan/questions.ts";
import { settings } from "../../src/plan/settings.ts";
import { exitCodes } from "../../src/run/failure.ts";
import { read } from "../repo/own-files.ts";

const page = manualPage({ version: "1.2.3", date: "2026-11-26" });

/** The text of a section, as it is read. */
function section(heading: string): string {
  const [, rest = ""] = page.split(`\n.SH ${heading}\n`);
  const [text = ""] = rest.split("\n.SH ");
  const signs: Readonly<Record<string, string>> = { "-": "-", "(ti": "~", "(aq": "'", e: "\\" };
  return text
    .replaceAll(/\\f[BIR]/g, "")
    .replaceAll(/\\(-|\(ti|\(aq|e)/g, (_, name: string) => signs[name] ?? "");
}

test("the man page has every command with its flags, as --help has them", async () => {
  const file = "assets/catalogs/her-os.yaml";
  const program = completedProgram(parseCatalog(await read(file), file));
  const shared = section("OPTIONS");
  const leaves = (command: CompletedCommand): CompletedCommand[] =>
    command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
  for (const { path, options } of leaves(program)) {
    expect(section("SYNOPSIS")).toMatch(new RegExp(`^heros ${path}(?: |$)`, "m"));
    const [, own = ""] = section("COMMANDS").split(`.SS heros ${path}`);
    const [text = ""] = own.split("\n.SS ");
    for (const { names } of options) expect(`${text}\n${shared}`).toContain(names.join(", "));
  }
  expect(page).not.toMatch(/in.-background|max.-lanes|heros release/);
});

test("it has the environment, the exit statuses, the files and the examples", () => {
  const environment = section("ENVIRONMENT");
  for (const row of [...questions, ...settings]) expect(environment).toContain(row.environment);
  const statuses = [...section('"EXIT STATUS"').matchAll(/^\.TP\n(\d+)$/gm)];
  expect(statuses.map(([, code]) => Number(code))).toEqual(Object.values(exitCodes));
  expect(section("FILES")).toContain("~/.local/share/heros\n");
  expect(section("EXAMPLES")).toContain("heros setup --demo\nTry it on a simulated Spark.\n");
  expect(page).toContain('.TH HEROS 1 2026-11-26 "heros 1.2.3" "User Commands"\n');
});

test("its lines are short, and each that begins with a dot is a command of the man macros", () => {
  for (const line of page.split("\n")) {
    expect(line.length, line).toBeLessThanOrEqual(80);
    if (/^[.']/.test(line)) expect(line).toMatch(/^\.(?:TH|SH|SS|TP|PP|br|BR)(?: |$)/);
  }
});
