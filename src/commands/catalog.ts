import path from "node:path";
import { type Catalog, modelsOfGroups, requiredGroups, withRequires } from "../catalog/catalog.ts";
import type { ReadCatalog } from "../catalog/load.ts";
import { isYamlMap, servicesOf } from "../deploy/compose/compose-yaml.ts";
import { baseFileOf } from "../deploy/compose/compose-files.ts";
import type { Host } from "../host/host.ts";
import { readIfThere, whyUnreadable } from "../host/text-files.ts";
import type { CatalogSummary } from "../run/events/catalog.ts";
import { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import {
  isCatalogName,
  openCatalog,
  readCatalogFile,
  readShipped,
  shippedCatalogs,
} from "./open-catalog.ts";
import type { Work } from "./command-request.ts";

/** `heros catalog ls`: those that ship with heros. */
export async function listCatalogs({ host, emit }: Work, assetsDir: string): Promise<string[]> {
  const catalogs = await Promise.all(
    shippedCatalogs.map(async (name) => summaryOf(name, await openCatalog(host, assetsDir, name))),
  );
  emit({ type: "catalogs.listed", catalogs });
  return [];
}

/**
 * `heros catalog check FILE`: all that is wrong with it, and with what it says of its compose file.
 * @throws Failure `catalog.invalid`, `catalog.unreadable` (exit 2)
 */
export async function checkCatalog(
  { host, emit }: Work,
  { file, assetsDir }: { readonly file: string; readonly assetsDir: string },
): Promise<string[]> {
  const read = isCatalogName(file)
    ? await readShipped(host, assetsDir, file)
    : await readCatalogFile(host, assetsDir, file);
  await requireBase(host, assetsDir, read);
  emit({
    type: "catalog.checked",
    schema: read.schema,
    catalog: summaryOf(file, read.catalog),
  });
  return [];
}

/** The services that the catalog says something of must stand in its compose file. */
async function requireBase(
  host: Host,
  assetsDir: string,
  { catalog: { stack }, schema, require }: ReadCatalog,
): Promise<void> {
  // One of schema 1 describes no stack.
  if (stack.base.kind === "none" || schema === 1) return;
  const file = baseFileOf(stack, assetsDir);
  const at = ["stack", "base"];
  try {
    const text = await readIfThere(host, file).catch((cause: unknown) => {
      const problem = `${file} can't be read: ${whyUnreadable(cause)}`;
      throw failure("stack.base_invalid", { problem, remedy: "" }, cause);
    });
    if (text === null) return require([{ path: at, problem: `there is no file ${file}` }]);
    const services = servicesOf([{ path: file, text }]);
    const found = new Set(services.map(([name]) => name));
    const known = services.flatMap(([name, each]) => (isYamlMap(each) ? [name] : []));
    require(
      stack.services
        .filter(({ name }) => !found.has(name))
        .map(({ name }) => ({
          path: ["stack", "services", name],
          problem: `${path.basename(file)} has no such service: it has ${known.join(", ") || "none"}`,
        })),
    );
  } catch (error) {
    if (!(error instanceof Failure) || error.code === "catalog.invalid") throw error;
    require([{ path: at, problem: error.message }]);
  }
}

function summaryOf(name: string, catalog: Catalog): CatalogSummary {
  const required = requiredGroups(catalog);
  return {
    name,
    stack: catalog.stack.id,
    title: catalog.stack.title,
    groups: catalog.groups
      .filter(({ choice }) => choice)
      .map((group) => ({
        id: group.id,
        title: group.title,
        priority: group.priority,
        required: required.includes(group.id),
        default: group.default,
        models: modelsOfGroups(catalog, withRequires(catalog, [group.id])).map(({ id }) => id),
      })),
    services: catalog.stack.services.map((service) => service.name),
    models: catalog.models.length,
  };
}
