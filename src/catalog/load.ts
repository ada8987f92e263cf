import { z } from "zod";
import { failure } from "../run/failures/table.ts";
import type { Catalog } from "./catalog.ts";
import { catalogOfSchema2 } from "./catalog-2.ts";
import { wrongInSchema2 } from "./check-2.ts";
import { readCheckedYaml, type WrongKey } from "./checked-yaml.ts";
import { catalogOfSchema1, schema1, wrongInSchema1 } from "./schema-1.ts";
import { schema2 } from "./schema-2.ts";
import type { Stack } from "./stack.ts";

export const catalogShape = z.discriminatedUnion(
  "schema",
  [schema1, schema2],
  "must have schema: 2, or schema: 1 for a list of tiers and models alone",
);

export interface ReadCatalog {
  readonly catalog: Catalog;
  readonly schema: 1 | 2;
  /** @throws Failure `catalog.invalid` for what only shows once other files are read; nothing where there is nothing */
  require(wrong: readonly WrongKey[]): void;
}

/**
 * Reads a catalog: a stack, groups of models, and the models.
 * @param text YAML, schema 1 or 2
 * @param source the file's name, for errors
 * @param base the stack of a file of schema 1, which describes none
 * @throws Failure `catalog.invalid` (exit 2) that names the file, and line and key of all that is wrong
 */
export function readCatalog(text: string, source: string, base: Stack = plainStack): ReadCatalog {
  const { value, require } = readCheckedYaml({
    text,
    source,
    shape: catalogShape,
    meaning: (catalog) =>
      catalog.schema === 1 ? wrongInSchema1(catalog) : wrongInSchema2(catalog),
    failure: (where, cause) => failure("catalog.invalid", where, cause),
  });
  const catalog = value.schema === 1 ? catalogOfSchema1(value, base) : catalogOfSchema2(value);
  return { catalog, schema: value.schema, require };
}

/** The same where no other files count. */
export function parseCatalog(text: string, source: string, base?: Stack): Catalog {
  return readCatalog(text, source, base).catalog;
}

/** Models alone. */
export const plainStack: Stack = {
  id: "models",
  title: "Models",
  gives: null,
  assistant: "the stack",
  base: { kind: "none" },
  service: null,
  port: null,
  services: [],
  health: { kind: "compose" },
  proof: null,
  capabilities: {},
  passwords: [],
  gpuImages: [],
  layout: { hub: ".", ollama: "ollama" },
  earlierVolume: null,
  values: {},
};
