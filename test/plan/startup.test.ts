import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseCatalog } from "../../src/catalog/load.ts";
import { questions } from "../../src/plan/questions.ts";
import { cannedInterview, catalog } from "../ui/canned-interview.ts";

const file = "assets/catalogs/open-webui.yaml";
const openWebUi = parseCatalog(readFileSync(file, "utf8"), file);
const startup = questions.find(({ id }) => id === "startup");

test("a warm-up container is offered where the stack has one", () => {
  const offered = (of: typeof catalog) =>
    startup
      ?.options({ ...cannedInterview(), catalog: of }, cannedInterview().answers)
      .map(({ value }) => value);
  expect(offered(catalog)).toEqual(["progressive", "wait", "warmup"]);
  expect(offered(openWebUi)).toEqual(["progressive", "wait"]);
});

test("who asks for one that the stack does not have is told so", () => {
  expect(startup?.parse(["warmup"], catalog)).toBe("warmup");
  expect(() => startup?.parse(["warmup"], openWebUi)).toThrow(
    expect.objectContaining({
      code: "plan.bad_answer",
      formHint: "Give progressive or wait; Open WebUI has no warm-up container.",
    }),
  );
});
