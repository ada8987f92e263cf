import { writeFile } from "node:fs/promises";
import { z } from "zod";
import { catalogShape } from "../src/catalog/load.ts";

/** assets/catalogs/catalog.schema.json, for editors: made from what catalogs are checked by. `npm run docs` writes it. */
export function catalogSchema(): string {
  const schema = z.toJSONSchema(catalogShape, { io: "input", unrepresentable: "any" });
  const titled = { ...schema, title: "A catalog of heros: a stack, and the models that it needs" };
  return `${JSON.stringify(titled, null, 2)}\n`;
}

if (import.meta.main) {
  const file = new URL("../assets/catalogs/catalog.schema.json", import.meta.url);
  await writeFile(file, catalogSchema());
}
