import { expect, test } from "vitest";
import { filmSvg, stillSvg } from "../../../scripts/pictures/svg.ts";
import { createEmulator } from "../../terminal/emulator.ts";

async function cellsOf(text: string) {
  const emulator = createEmulator({ columns: 20, rows: 4 });
  emulator.write(text);
  await emulator.settled();
  const cells = emulator.cells();
  emulator.dispose();
  return cells;
}

async function stillOf(text: string): Promise<string> {
  return stillSvg(await cellsOf(text), "a <title>");
}

test("a screen becomes text in its colours, with what XML needs escaped", async () => {
  const svg = await stillOf("  \u001b[1;32mgood & <well>\u001b[0m");
  expect(svg).toMatch(/<text x="16\.8" [^>]*class="c2 bold">good &amp; &lt;well&gt;<\/text>/);
  expect(svg).toContain("<title>a &lt;title&gt;</title>");
});

test("a reader with a light screen gets light colours", async () => {
  const [dark = "", light = ""] = (await stillOf("one")).split("prefers-color-scheme:light");
  const background = /\.screen\{fill:(#\w+)/;
  expect(background.exec(light)?.[1]).not.toBe(background.exec(dark)?.[1]);
});

test("bars become rectangles, so that no font leaves gaps in them", async () => {
  const svg = await stillOf("██▌░░━─");
  expect(svg.match(/<rect x="[\d.]+" y="3"/g)?.length).toBe(3);
  expect(svg.match(/height="[31]" class/g)?.length).toBe(2);
  expect(svg).not.toMatch(/[█▌░━─]/);
});

test("what is inverse stands in the background's colour on its own", async () => {
  const svg = await stillOf("\u001b[7myes\u001b[0m");
  expect(svg).toMatch(/<rect [^>]*height="18" class="fore"\/><text [^>]*class="back">yes</);
});

test("empty rows at the end are left out", async () => {
  expect(await stillOf("one\r\ntwo")).toContain(`height="${2 * 18 + 32}"`);
});

test("a film moves from frame to frame for as long as each stands", async () => {
  const frames = [
    { cells: await cellsOf("one"), holdMs: 1000 },
    { cells: await cellsOf("two"), holdMs: 3000 },
  ];
  const svg = filmSvg(frames, "a film");
  expect(svg).toMatch(/animation:film 4s step-end infinite/);
  expect(svg).toMatch(/0%\{transform:translateX\(0px\)\}25%\{transform:translateX\(-184px\)\}/);
});

test("a film draws what several frames show once, and frames that are equal as one", async () => {
  const cells = await cellsOf("same\r\none");
  const frames = [cells, cells, await cellsOf("same\r\ntwo")].map((each) => ({
    cells: each,
    holdMs: 1000,
  }));
  const svg = filmSvg(frames, "a film");
  expect(svg.match(/>same</g)?.length).toBe(1);
  expect(svg.match(/translateX/g)?.length).toBe(2);
});

test("who asked for less motion sees the end of a film, and nothing moves", async () => {
  const frames = await Promise.all(
    ["one", "two"].map(async (text) => ({ cells: await cellsOf(text), holdMs: 1000 })),
  );
  const svg = filmSvg(frames, "a film");
  expect(svg.split("prefers-reduced-motion:no-preference")[0]).not.toContain("animation");
  expect(svg).toContain('class="strip" transform="translate(-184,0)"');
});
