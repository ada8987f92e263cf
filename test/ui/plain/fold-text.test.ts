import fc from "fast-check";
import { expect, test } from "vitest";
import { foldText } from "../../../src/ui/plain/fold-text.ts";
import { textWidth } from "../../../src/ui/text-width.ts";

test("a folded text loses nothing but where it is broken, and keeps its columns", () => {
  expect(foldText("    id  tier 1  here  Voice: speech to text", 30, 2)).toEqual([
    "    id  tier 1  here  Voice:",
    "      speech to text",
  ]);
  expect(foldText("short", 80, 2)).toEqual(["short"]);
  expect(foldText("see /a/very/long/path/that/is/to/be/copied now", 20, 2)).toEqual([
    "see",
    "  /a/very/long/path/that/is/to/be/copied",
    "  now",
  ]);
  const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 });
  fc.assert(
    fc.property(words, fc.integer({ min: 20, max: 60 }), (parts, width) => {
      const lines = foldText(parts.join("  "), width, 4);
      expect(lines.every((line) => textWidth(line) <= width)).toBe(true);
      expect(lines.join(" ").split(/ +/)).toEqual(parts);
    }),
  );
});
