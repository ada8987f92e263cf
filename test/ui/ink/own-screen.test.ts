import { expect, test } from "vitest";
import { stackChosen } from "../../../src/catalog/capabilities.ts";
import { createInkWriter } from "../../../src/ui/ink/writer.tsx";
import { createMemoryTerminal } from "../../terminal/memory-terminal.ts";
import { herOs } from "../../her-os.ts";

test("a page begins in the first row, at the start and when the program goes on, wherever the shell's cursor stood", async () => {
  const { terminal, emulator, type } = createMemoryTerminal({ columns: 80, rows: 24 });
  const shell = (): boolean => terminal.stdout.write("$ ls\n".repeat(15));
  shell();
  let suspended = 0;
  const suspend = async (): Promise<void> => {
    suspended += 1;
    await emulator.settled();
    expect(emulator.text()).toMatch(/^\$ ls\n/);
    expect(emulator.text()).not.toContain("Setting up");
    shell();
  };
  const writer = await createInkWriter({ ...terminal, suspend }, { now: () => 0, frameMs: 0 });
  writer.write({
    v: 1,
    at: 0,
    type: "run.started",
    command: "setup",
    herosVersion: "0.1.0",
    demo: false,
    stages: ["machine", "plan"],
  });
  writer.write({ v: 1, at: 0, ...stackChosen(herOs) });
  const row = async (): Promise<number> => {
    await writer.drawn();
    await emulator.settled();
    return emulator
      .text()
      .split("\n")
      .findIndex((line) => line.startsWith("Setting up Annie"));
  };
  // A blank row stands above it.
  expect(await row()).toBe(1);
  type("\u001a");
  await expect.poll(() => suspended).toBe(1);
  await expect.poll(row).toBe(1);
  await writer.close();
  await emulator.settled();
  expect(emulator.everything()).toMatch(/^\$ ls\n/);
  emulator.dispose();
});
