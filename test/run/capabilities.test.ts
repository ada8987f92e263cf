import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { parseCatalog } from "../../src/catalog/load.ts";
import { capabilitiesOf } from "../../src/catalog/catalog.ts";
import { capabilityName, capabilitySentence } from "../../src/run/capabilities.ts";

test("each capability of the catalog that heros ships has words of its own", async () => {
  const file = path.join(import.meta.dirname, "../../assets/catalogs/her-os.yaml");
  const { models } = parseCatalog(await readFile(file, "utf8"), file);
  expect(capabilitiesOf(models)).not.toEqual([]);
  for (const { capability, purpose } of models) {
    if (capability === null) continue;
    expect(capabilitySentence(capability)).not.toContain("a new ability");
    expect(purpose.toLowerCase().startsWith(capabilityName(capability)), purpose).toBe(true);
  }
});

test("one that nobody knew of is told by its own name", () => {
  expect(capabilityName("sense_of_smell")).toBe("sense of smell");
  expect(capabilitySentence("sense-of_smell")).toBe("Annie has a new ability: sense of smell.");
});
