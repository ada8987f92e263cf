import { expect, test } from "vitest";
import { cellsToSvg } from "../../scripts/picture-svg.ts";
import { createEmulator } from "../terminal/emulator.ts";

async function svgOf(text: string): Promise<string> {
  const emulator = createEmulator({ columns: 20, rows: 4 });
  emulator.write(text);
  await emulator.settled();
  const svg = cellsToSvg(emulator.cells(), "a <title>");
  emulator.dispose();
  return svg;
}

test("a screen becomes text in its colours, with what XML needs escaped", async () => {
  const svg = await svgOf("  \u001b[1;32mgood & <well>\u001b[0m");
  expect(svg).toContain(">good &amp; &lt;well&gt;</text>");
  expect(svg).toMatch(/<text x="32\.8" [^>]*fill="#9ccc65" font-weight="bold">/);
  expect(svg).toContain("<title>a &lt;title&gt;</title>");
});

test("bars become rectangles, so that no font leaves gaps in them", async () => {
  const svg = await svgOf("██░░");
  expect(svg.match(/<rect x=/g)?.length).toBe(2);
  expect(svg).not.toContain("█");
});

test("empty rows at the end are left out", async () => {
  expect(await svgOf("one\r\ntwo")).toContain(`height="${2 * 18 + 32}"`);
});
