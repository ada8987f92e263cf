import { readFileSync } from "node:fs";
import { capabilityTitle } from "../src/catalog/capabilities.ts";
import { parseCatalog } from "../src/catalog/load.ts";
import type { HealthQuestion } from "../src/health/health.ts";

/** The catalog that ships with heros as its default. */
export const herOs = parseCatalog(
  readFileSync(new URL("../assets/catalogs/her-os.yaml", import.meta.url), "utf8"),
  "her-os.yaml",
);

/** Its stack, asked at an address. */
export function healthAt(url: string, stackDir = "/s"): HealthQuestion {
  return {
    url: url.replace(/\/health$/, ""),
    contract: herOs.stack.health,
    groups: ["remember"],
    service: herOs.stack.service ?? "",
    stackDir,
    others: [],
    implied: [],
    titleOf: (name) => capabilityTitle(herOs, name),
  };
}
