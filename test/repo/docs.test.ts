import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { doctorReference } from "../../scripts/doctor-reference.ts";
import { stackReference } from "../../scripts/stack-reference.ts";
import { checkExamples } from "../../scripts/check-examples.ts";
import { failureExamples } from "../../scripts/failure-examples.ts";
import { rooms } from "../../scripts/lint/layers.ts";
import { troubleshooting } from "../../scripts/troubleshooting.ts";
import { parseArguments } from "../../src/cli/parse-arguments.ts";
import { checks } from "../../src/checks/table.ts";
import { exitCodes } from "../../src/run/failure.ts";
import { ownFiles, read, root } from "./own-files.ts";

/** First and last column of the tables in a part of a page. */
function rowsOf(part: string): [string, string][] {
  return [...part.matchAll(/^\| (.*?) \|(?:.*\|)? (.*?) \|$/gm)]
    .map(([, first = "", last = ""]): [string, string] => [first.replaceAll("`", ""), last])
    .filter(([first]) => !/^(-+|room|status|stage|command)$/.test(first));
}

function section(page: string, heading: string): string {
  const [, rest = ""] = page.split(`# ${heading}\n`);
  return rest.split(/^#/m)[0] ?? "";
}

test("docs/architecture.md has the rooms as the lint checks them", async () => {
  const written = rowsOf(section(await read("docs/architecture.md"), "The rooms"));
  const expected = Object.entries(rooms).map(([room, { imports, types = [], files = [] }]) => {
    const all = imports.length === 0 ? "nothing" : imports.join(", ");
    const names = files.length === 0 ? all : `${all}; ${files.join(", ")}`;
    return [room, types.length === 0 ? names : `${names}; types of ${types.join(", ")}`];
  });
  expect(written).toEqual(expected);
});

test("docs/architecture.md names every event", async () => {
  const page = section(await read("docs/architecture.md"), "Events");
  const named = rowsOf(page).flatMap(([, last]) => [...last.matchAll(/`([\w.]+)`/g)]);
  const folder = "src/run/events";
  const types = new Set<string>();
  for (const file of await readdir(join(root, folder))) {
    const text = await read(join(folder, file));
    for (const [, type = ""] of text.matchAll(/readonly type: "([\w.]+)"/g)) types.add(type);
  }
  expect(types.size).toBeGreaterThan(15);
  expect(new Set(named.map(([, name = ""]) => name))).toEqual(types);
});

test("README.md and docs/install.md give the exit statuses that there are", async () => {
  const numbers = (page: string, heading: string) =>
    rowsOf(section(page, heading)).map(([status]) => Number(status));
  expect(numbers(await read("README.md"), "Exit statuses")).toEqual(Object.values(exitCodes));
  const known = Object.values<number>(exitCodes);
  const install = rowsOf(section(await read("docs/install.md"), "Exit statuses"))
    .flatMap(([statuses]) => statuses.split(", "))
    .map(Number);
  expect(install.filter((status) => status < 128 && !known.includes(status))).toEqual([]);
});

test("docs/troubleshooting.md has an entry for each code, as the table says it (npm run docs writes it)", async () => {
  const page = await read("docs/troubleshooting.md");
  const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual([
    "Checks",
    "From other guides",
    ...[...Object.keys(failureExamples), "bug"].toSorted(),
  ]);
  expect(page).toBe(troubleshooting());
});

test("docs/stack.md shows the files as they are written", async () => {
  expect(await read("docs/stack.md")).toBe(stackReference());
});

test("docs/doctor.md and docs/troubleshooting.md have each check, and the report as it is validated", async () => {
  expect(await read("docs/doctor.md")).toBe(doctorReference());
  const page = await read("docs/troubleshooting.md");
  const ids = [...page.matchAll(/^### (.+)$/gm)].map(([, id]) => id);
  expect(ids).toEqual(checks.map(({ id }) => id));
});

test("docs/troubleshooting.md says of each check what it can find, and of each guide's trouble what to do", async () => {
  const page = await read("docs/troubleshooting.md");
  for (const [id, { codes, warnings }] of Object.entries(checkExamples)) {
    // In its words, nothing of these is in order.
    for (const { status } of warnings) expect(status).not.toBe("ok");
    const entry = section(page, id);
    for (const code of codes) expect(entry).toContain(`[${code}](#`);
  }
  const guides = section(page, "From other guides");
  for (const trouble of [
    "downloaded again",
    "`docker inspect",
    "disk space",
    "out of memory",
    "download hangs",
    "Permission denied",
    "shared between machines",
    "cached?",
  ]) {
    expect(guides).toContain(trouble);
  }
  const ids: readonly string[] = checks.map(({ id }) => id);
  const named = [...guides.matchAll(/`heros doctor ([\w. ]+)`/g)];
  expect(named.length).toBeGreaterThan(4);
  for (const [, words = ""] of named) {
    for (const id of words.split(" ")) expect(ids).toContain(id);
  }
});

test("README.md lists the commands that there are", async () => {
  const help = parseArguments(["--help"]);
  const text = help.kind === "text" ? help.text : "";
  const commands = [...text.matchAll(/^ {2}([a-z]+) (?=\[|  )/gm)].map(([, name]) => name);
  const listed = rowsOf(section(await read("README.md"), "Commands")).map(
    ([command]) => /^heros (\w+)/.exec(command)?.[1],
  );
  expect(commands.length).toBeGreaterThan(2);
  expect(new Set(listed)).toEqual(new Set(commands));
});

test("links between the pages lead somewhere", async () => {
  const pages = (await ownFiles()).filter((path) => path.endsWith(".md"));
  expect(pages).toContain("README.md");
  for (const page of pages) {
    const links = [...(await read(page)).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)];
    const lost = links
      .map(([, link = ""]) => link)
      .filter((link) => !existsSync(join(root, dirname(page), link)));
    expect(lost, page).toEqual([]);
  }
});

test("README.md shows every picture that is made, and each loads quickly", async () => {
  const readme = await read("README.md");
  const pictures = (await ownFiles()).filter((path) => path.startsWith("assets/pictures/"));
  expect(pictures.length).toBeGreaterThan(2);
  expect(pictures.filter((path) => !readme.includes(`](${path})`))).toEqual([]);
  for (const path of pictures) expect((await read(path)).length, path).toBeLessThan(300_000);
});
