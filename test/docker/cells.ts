import process from "node:process";
import { afterAll, expect, test } from "vitest";

/** Each case as a test; what happened is printed as they go, and how many ended right once the file's tests are over. */
export function openCells() {
  const names: string[] = [];
  const passed: string[] = [];
  afterAll(() => {
    process.stdout.write(`${passed.length} of ${names.length} cells ok\n`);
  });
  /** @param run tells in a few words what happened */
  return (name: string, run: () => Promise<string>): void => {
    names.push(name);
    test(name, async () => {
      const how = await run();
      expect(how).not.toBe("");
      passed.push(name);
      process.stdout.write(`${name}: ${how}: ok\n`);
    });
  };
}
