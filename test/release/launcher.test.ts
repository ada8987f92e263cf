import * as files from "node:fs/promises";
import { expect, it } from "vitest";
import { launcherText, startsFrom } from "../../src/release/launcher.ts";

it.each(["/home/ann/.local/share/heros", "/home/a 'b'\\''/heros", "/home/a\nb/heros"])(
  "a launcher is known by its data folder %j",
  async (data) => {
    const text = launcherText(data);
    expect(await startsFrom({ files }, text, data)).toBe(true);
    expect(await startsFrom({ files }, text, `${data}-other`)).toBe(false);
  },
);
