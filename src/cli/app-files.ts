import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder that holds package.json, of a checkout as of an installation: two above this file either way. */
const root = new URL("../../", import.meta.url);

/** Absolute path of a file or a folder that ships with heros. */
export function shippedPath(name: string): string {
  return fileURLToPath(new URL(name, root));
}

/** The version of package.json. */
export function herosVersion(): string {
  const { version } = JSON.parse(readFileSync(shippedPath("package.json"), "utf8")) as {
    version: string;
  };
  return version;
}
