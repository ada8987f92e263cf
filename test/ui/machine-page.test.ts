import { expect, test } from "vitest";
import type { FailedChecks } from "../../src/plan/interview.ts";
import type { CheckFinished } from "../../src/run/events/machine.ts";
import { initialState } from "../../src/run/state.ts";
import { createAccessibleWriter } from "../../src/ui/accessible/writer.ts";
import { createTheme } from "../../src/ui/ink/theme.ts";
import { machinePage, movedOnMachine, pressedOnMachine } from "../../src/ui/ink/dialogs.tsx";
import { createMemoryTerminal } from "../terminal/memory-terminal.ts";

const port: CheckFinished = {
  type: "check.finished",
  id: "port",
  title: "Port for Annie",
  status: "failed",
  code: "port.taken",
  found: "port 8000 is taken by python3 (process 4711)",
  remedy: "Stop it (kill 4711), or take another port (heros setup --port 8001).",
  elapsedMs: 3,
};
const gpu: CheckFinished = {
  type: "check.finished",
  id: "docker.gpu",
  title: "GPU in containers",
  status: "warning",
  found: "Docker can't give the GPU to containers",
  remedy: "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
  elapsedMs: 3,
};
const blocking: FailedChecks = { checks: [port, gpu, gpu, gpu], blocking: true };
const harmless: FailedChecks = { checks: [gpu], blocking: false };

function page(failed: FailedChecks, columns: number, rows: number, from = 0): string[] {
  const theme = createTheme({ color: false, unicode: true });
  return machinePage({ failed, from, state: initialState, size: { columns, rows }, theme }).map(
    (line) => line.map(({ text }) => text).join(""),
  );
}

test.each([
  [200, 60],
  [80, 24],
  [60, 15],
  [40, 12],
  [40, 10],
])(
  "at %i by %i it fits, and says the worst whole with its command and the keys",
  (columns, rows) => {
    const lines = page(blocking, columns, rows);
    expect(lines.length).toBeLessThanOrEqual(rows - 2);
    const words = lines.map((line) => line.trim()).join(" ");
    expect(words).toContain("[✗] Port for Annie: port 8000 is taken by python3 (process 4711)");
    expect(words).toContain("kill 4711");
    expect(words).toContain("heros setup --port 8001");
    expect(lines.at(-1)).toMatch(/r: check again +q: stop/);
  },
);

test("where rows are few it says how many more there are", () => {
  expect(page(blocking, 40, 12).join("\n")).toContain("+3 more");
  expect(page(blocking, 200, 60).join("\n")).not.toContain("more");
});

test("the arrows, j and k bring the others where rows are few", () => {
  const down = { kind: "down" } as const;
  const last = [down, down, down, down].reduce(
    (from, press) => movedOnMachine(blocking, from, press),
    0,
  );
  expect(last).toBe(3);
  const text = page(blocking, 40, 12, last).join(" ");
  expect(text).toContain("[!] GPU in containers");
  expect(text).not.toContain("more");
  expect(movedOnMachine(blocking, last, { kind: "text", text: "k" })).toBe(2);
});

test("r checks again, q and Esc stop; Enter goes on only where nothing is in the way", () => {
  const key = (text: string) => ({ kind: "text", text }) as const;
  expect(pressedOnMachine(blocking, key("r"))).toBe("again");
  expect(pressedOnMachine(blocking, key("q"))).toBe("stop");
  expect(pressedOnMachine(blocking, { kind: "escape" })).toBe("stop");
  expect(pressedOnMachine(blocking, { kind: "enter" })).toBeNull();
  expect(pressedOnMachine(harmless, { kind: "enter" })).toBe("onward");
  expect(page(harmless, 80, 24).at(-1)).toContain("Enter: go on");
});

test.each([
  { typed: ["what", "r"], failed: blocking, wish: "again" },
  { typed: ["", "q"], failed: blocking, wish: "stop" },
  { typed: [""], failed: harmless, wish: "onward" },
])("in lines, $typed means $wish", async ({ typed, failed, wish }) => {
  const memory = createMemoryTerminal();
  const writer = createAccessibleWriter(memory.terminal);
  memory.type(typed.map((line) => `${line}\n`).join(""));
  expect(await writer.remedy?.(failed, new AbortController().signal)).toBe(wish);
  await writer.close();
  const said = memory.stdout();
  expect(said).toContain("To mend it: ");
  expect(said).toContain("Type r and press Enter to check again");
});
