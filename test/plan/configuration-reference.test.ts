import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { configurationReference } from "../../scripts/configuration-reference.ts";

it("docs/configuration.md says what the tables say (npm run docs writes it anew)", async () => {
  expect(await readFile("docs/configuration.md", "utf8")).toBe(configurationReference());
});
