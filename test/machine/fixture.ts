import { readFileSync } from "node:fs";

/** A captured output, from fixtures/. */
export function fixture(path: string): string {
  return readFileSync(new URL(`fixtures/${path}`, import.meta.url), "utf8");
}

/** What a command gave back, as the host tells it. */
export function ran(stdout: string, { stderr = "", exitCode = 0 } = {}) {
  return { stdout, stderr, exitCode, timedOut: false, missing: false };
}

export const notInstalled = { ...ran(""), exitCode: null, missing: true };
