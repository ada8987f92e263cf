import { readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";

/** Compares with the file test/ui/golden/NAME; `UPDATE_GOLDEN=1` writes it anew. */
export function expectGolden(name: string, text: string): void {
  const url = new URL(`./golden/${name}`, import.meta.url);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(url, text);
  expect(text).toBe(readFileSync(url, "utf8"));
}
