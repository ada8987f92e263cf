import { isUtf8 } from "node:buffer";
import path from "node:path";
import { builtCatalog } from "../catalog/built-catalog.ts";
import type { Catalog } from "../catalog/catalog.ts";
import type { ReadCatalog } from "../catalog/load.ts";
import type { Host } from "../host/host.ts";
import { readNamedFile } from "../host/named-file.ts";
import { errorCode } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { expandPath } from "../source/hub/environment.ts";

/** The catalogs that ship with heros, by name; the first is the one where nobody names another. */
export const shippedCatalogs = ["her-os", "open-webui", "rma-demo"] as const;

/** Whether it is a catalog of ours, and not a file. */
export function isCatalogName(given: string): boolean {
  return shippedCatalogs.some((name) => name === given);
}

/**
 * The catalog of a run.
 * @param given a name of ours, or a file; null for the default
 * @throws Failure `catalog.unreadable`, `catalog.invalid` (exit 2)
 */
export async function openCatalog(
  host: Host,
  assetsDir: string,
  given: string | null,
): Promise<Catalog> {
  const [usual] = shippedCatalogs;
  if (given === null || given === usual) {
    return builtCatalog ?? (await readShipped(host, assetsDir, usual)).catalog;
  }
  if (isCatalogName(given)) return (await readShipped(host, assetsDir, given)).catalog;
  return (await readCatalogFile(host, assetsDir, given)).catalog;
}

/** One that ships with heros. */
export async function readShipped(
  host: Host,
  assetsDir: string,
  name: string,
): Promise<ReadCatalog> {
  const { readCatalog } = await import("../catalog/load.ts");
  const file = path.join(assetsDir, "catalogs", `${name}.yaml`);
  return readCatalog(await readNamed(host, "catalog", file), `${name}.yaml`);
}

/** One of the person's. @throws as `openCatalog` */
export async function readCatalogFile(
  host: Host,
  assetsDir: string,
  file: string,
): Promise<ReadCatalog> {
  const { readCatalog } = await import("../catalog/load.ts");
  const text = await readNamed(host, "catalog", file);
  // A file of schema 1 lists the models of the default's stack.
  const { stack } = await openCatalog(host, assetsDir, null);
  const read = readCatalog(text, file, stack);
  const { base } = read.catalog.stack;
  if (base.kind !== "file") return read;
  const folder = path.dirname(absolute(host, file));
  const named = { ...base, path: path.resolve(folder, expandPath(base.path, host)) };
  return { ...read, catalog: { ...read.catalog, stack: { ...read.catalog.stack, base: named } } };
}

/** Nobody writes a longer catalog by hand; /dev/zero has no end. */
const mostBytes = 1_000_000;

/**
 * The text of a file that was named by the person.
 * @throws Failure `config.unreadable`, `catalog.unreadable`, `token.unreadable` (exit 2)
 */
export async function readNamed(
  host: Host,
  noun: "config" | "catalog" | "token",
  file: string,
): Promise<string> {
  const unreadable = (reason: string, cause?: unknown) =>
    failure(`${noun}.unreadable`, { file, reason }, cause);
  const read = await readNamedFile(host, absolute(host, file), mostBytes).catch(
    (cause: unknown) => {
      throw unreadable(errorCode(cause) ?? "unknown reason", cause);
    },
  );
  if ("problem" in read) throw unreadable(read.problem);
  if (!isUtf8(read.bytes)) throw unreadable("it is not a text in UTF-8");
  return read.bytes.toString("utf8");
}

/** `~` and `$VAR` count here too: shells leave them alone behind `=`, in quotes and in config files. */
export function absolute(host: Pick<Host, "env" | "home" | "cwd">, file: string): string {
  return path.resolve(host.cwd, expandPath(file, host));
}
