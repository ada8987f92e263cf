import { herOs } from "../../../her-os.ts";
import { expect, test } from "vitest";
import { newPasswords } from "../../../../src/deploy/compose/plan.ts";

test.each([
  [["${POSTGRES_PASSWORD}"], ["POSTGRES_PASSWORD"]],
  [["${POSTGRES_PASSWORD:?say it}"], ["POSTGRES_PASSWORD"]],
  [["${POSTGRES_PASSWORD:-annie}"], []],
  [["${POSTGRES_PASSWORD}", "${POSTGRES_PASSWORD:-annie}"], []],
  [["${POSTGRES_PASSWORD:?say it}", "${POSTGRES_PASSWORD:-annie}"], ["POSTGRES_PASSWORD"]],
  [["${NEO4J_PASSWORD}"], []],
  [["${OTHER_PASSWORD}"], []],
  // What compose does not take: it says so itself.
  [["${POSTGRES_PASSWORD", "${POSTGRES_PASSWORD:?say it}"], ["POSTGRES_PASSWORD"]],
])("of files with %j, %j are made", (texts, made) => {
  const lookup = (name: string) => (name === "NEO4J_PASSWORD" ? "set" : undefined);
  expect(Object.keys(newPasswords({ stack: herOs.stack, texts, lookup }))).toEqual(made);
});
