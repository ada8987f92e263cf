import { foldText, shorten, textWidth, wrapText, wrapWhole } from "../../src/ui/text-width.ts";
import { createEmulator } from "../terminal/emulator.ts";
import fc from "fast-check";
import { expect, test } from "vitest";

const texts = [
  "",
  "plain",
  "█░ ⠋ [✓] [✗] › …",
  "Größe élan",
  "日本語",
  "e\u0301",
  "so\u00adft",
  "한국어",
];

test.each(texts)("a terminal needs as many cells as are counted: %j", async (text) => {
  const emulator = createEmulator({ columns: 40, rows: 2 });
  emulator.write(text);
  await emulator.settled();
  const { column } = emulator.cursor();
  emulator.dispose();
  // The emulator gives a soft hyphen a cell; terminals draw none.
  expect(textWidth(text)).toBe(text.includes("\u00ad") ? column - 1 : column);
});

test("an emoji needs two cells, whatever it is put together from", () => {
  // The emulator knows the widths of an older Unicode.
  expect(["🦊", "👩‍🚀", "❤️", "🇮🇹"].map(textWidth)).toEqual([2, 2, 2, 2]);
});

test("a text is cut where a wide character does not fit any more", () => {
  expect(shorten("日本語", 5, "…")).toBe("日本…");
  expect(shorten("日本語", 4, "…")).toBe("日…");
});

test("a text is wrapped between words, and within one that is too long", () => {
  expect(wrapText("one two three", 7)).toEqual(["one two", "three"]);
  expect(wrapText("日本語 abc", 4)).toEqual(["日本", "語", "abc"]);
  expect(wrapText("see /a/long/path now", 7)).toEqual(["see", "/a/long", "/path", "now"]);
  expect(wrapText("see /a/long/path", 12)).toEqual(["see", "/a/long/path"]);
  expect(wrapText("a 1234567890 b", 8)).toEqual(["a", "12345678", "90 b"]);
});

test("a text whose spaces mean something keeps each of them", () => {
  for (const text of ["a  b    c      1234567890abc", "key:          value # comment"]) {
    const lines = wrapWhole(text, 8);
    expect(lines.join("")).toBe(text);
    expect(lines.every((line) => textWidth(line) <= 8)).toBe(true);
  }
});

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
