import { describe, expect, test } from "vitest";
import type { Interview } from "../../../src/plan/interview.ts";
import { type Answers, initialAnswers } from "../../../src/plan/questions.ts";
import { createAccessibleWriter } from "../../../src/ui/accessible/writer.ts";
import { createMemoryTerminal } from "../../terminal/memory-terminal.ts";
import { cannedInterview, catalog, goodToken, refusal, spark } from "../canned-interview.ts";

interface Talk {
  readonly answers: Answers | null;
  readonly said: string;
  readonly remembered: number;
}

/** What comes of these lines, typed one after the other. */
async function talk(lines: readonly string[], rest: Partial<Interview> = {}): Promise<Talk> {
  const memory = createMemoryTerminal();
  const writer = createAccessibleWriter(memory.terminal);
  const interview = cannedInterview(rest);
  memory.type(lines.map((line) => `${line}\n`).join(""));
  const answers = await writer.ask?.(interview, new AbortController().signal);
  await writer.close();
  return {
    answers: answers ?? null,
    said: memory.stdout(),
    remembered: interview.remembered.length,
  };
}

test("Enter alone keeps what is chosen, and yes begins", async () => {
  const { answers, said, remembered } = await talk(["", "", "", "", "yes"]);
  expect(answers).toMatchObject({
    groups: ["remember", "listen"],
    token: { source: "none" },
    startup: "progressive",
  });
  expect(said).toContain("Question 1 of 4. What should Annie be able to do?");
  expect(said).toContain("2. Listen. Speech-to-text. 3.09 GB");
  expect(said).toContain("Nothing has been changed yet.");
  expect(said).not.toContain("\u001b");
  expect(remembered).toBe(4);
});

test("numbers choose, b goes back with the answers kept", async () => {
  const { answers, said } = await talk(["1 2 3", "2", "b", "b", "", "2", "2", "2", "yes"]);
  expect(answers).toMatchObject({
    groups: ["remember", "listen", "think-deeper"],
    storage: "stack-dir",
    startup: "wait",
  });
  expect(said.match(/3\. Think deeper\. Nightly re-index of memory\..*Selected\./g)?.length).toBe(
    1,
  );
});

test("a token is checked, a refusal is said, and neither is written out", async () => {
  const lines = ["", "3", "hf_wrongwrong", "3", goodToken, "2", "", "", "yes"];
  const { answers, said } = await talk(lines);
  expect(answers).toMatchObject({ token: { source: "pasted" }, keepToken: false });
  expect(said).toContain("Question 3 of 5. Save the token for next time?");
  expect(said).toContain(`${refusal} Choose another option.`);
  expect(said).toContain("Account: ada.");
  expect(said).toContain("Received: hf_…, 15 characters. It is shorter than a token usually is.");
  expect(said).not.toMatch(/hf_\w/);
});

test("a token stays when Enter keeps it after going back", async () => {
  const lines = ["", "3", goodToken, "b", "", "", "", "", "yes"];
  expect((await talk(lines)).answers?.token.source).toBe("pasted");
});

test("a folder is typed, and a wrong one refused", async () => {
  const { answers, said } = await talk([
    "",
    "",
    "3",
    "data",
    "3",
    "/proc/x",
    "3",
    "~/models",
    "",
    "yes",
  ]);
  expect(said).toContain("Models can't be stored in /proc/x. Choose another folder.");
  expect(answers?.storage).toBe("/home/ann/models");
  expect(said).not.toMatch(/--[a-z]|HEROS_|config file/);
});

test("a plan that does not work says why, and leads back", async () => {
  const lines = ["", "", "3", "/broken", "", "b", "b", "1", "", "yes"];
  const { answers, said } = await talk(lines);
  expect(said).toContain("You may not write to /broken. Choose another folder.");
  expect(answers?.storage).toBe("hub-cache");
});

test("help and diffs are read on demand, and nonsense is answered", async () => {
  const { said } = await talk(["?", "99", "", "", "", "", "what", "d", "yes"]);
  const [, after = ""] = said.split("existing files are reused");
  expect(after).toContain("What should Annie be able to do?\n");
  expect(said).toContain("Type one of the numbers above.");
  expect(said).toContain("Type one of: yes");
  expect(said).toContain("+HER_OS_PORT=8000");
});

test.each([["q"], ["", "q"], ["", "", "", "", "q"]])("q stops: %j", async (...lines) => {
  expect((await talk(lines)).answers).toBeNull();
});

test("no consent on another machine stops", async () => {
  const machine = { ...spark, spark: false };
  expect((await talk([""], { machine })).answers).toBeNull();
  expect((await talk(["2", "", "", "", "", "yes"], { machine })).answers?.unsupported).toBe(true);
});

test("the end of the input stops", async () => {
  const memory = createMemoryTerminal({ isTty: false });
  const writer = createAccessibleWriter(memory.terminal);
  const asked = writer.ask?.(cannedInterview(), new AbortController().signal);
  memory.end();
  expect(await asked).toBeNull();
  await writer.close();
});

test("an interrupt while it waits ends it", async () => {
  const memory = createMemoryTerminal();
  const writer = createAccessibleWriter(memory.terminal);
  const stop = new AbortController();
  const asked = writer.ask?.(cannedInterview(), stop.signal);
  stop.abort();
  await expect(asked).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
  await writer.close();
});

describe("after an earlier run", () => {
  const answers = {
    ...initialAnswers(catalog),
    groups: ["remember"],
    storage: "/data/models",
    startup: "wait",
  } as const;

  test.each([[""], ["1"]])("%j goes to the plan with its answers", async (first) => {
    const spoken = await talk([first, "yes"], { earlier: "interrupted", answers });
    expect(spoken.answers).toEqual(answers);
    expect(spoken.said).toContain("Continue where you left off?");
    expect(spoken.said).toContain("Model folder: /data/models.");
    expect(spoken.said).not.toContain("Question 1");
  });

  test("2 asks again, with its answers chosen; 3 and q stop", async () => {
    const again = await talk(["2", "", "", "", "", "yes"], { earlier: "interrupted", answers });
    expect(again.answers).toEqual(answers);
    expect(again.said).toContain("Question 1 of 4.");
    expect((await talk(["3"], { earlier: "finished", answers })).answers).toBeNull();
    expect((await talk(["q"], { earlier: "finished", answers })).answers).toBeNull();
  });

  test("that came to its end, it says so; consent to another machine is asked all the same", async () => {
    const machine = { ...spark, spark: false };
    const { said, answers: given } = await talk(["1", "2", "yes"], {
      earlier: "finished",
      answers,
      machine,
    });
    expect(given).toEqual({ ...answers, unsupported: true });
    expect(said).toContain("It is already set up here.");
    expect(said).toContain("Question 1 of 5. This does not look like a DGX Spark.");
  });
});

test("what the choice comes to is said, and how another machine stands against it", async () => {
  const disks = spark.disks.map((disk) => ({ ...disk, freeBytes: 1_000_000_000 }));
  const machine = { ...spark, spark: false, arch: "x86_64", disks };
  const { said } = await talk(["2", "1", "q"], { machine });
  expect(said).toContain("Warning: Processor: x86_64.");
  expect(said).toContain("To download: 1.22 GB");
  expect(said).toMatch(/Warning: 240 MB more disk space is needed\./);
});

test("progress is said once in ten seconds at most, in a whole sentence, and nothing is drawn anew", async () => {
  const memory = createMemoryTerminal();
  const writer = createAccessibleWriter(memory.terminal);
  for (let at = 0; at <= 60_000; at += 200) {
    writer.write({
      v: 1,
      at,
      type: "download.progress",
      receivedBytes: at * 10_000,
      verifiedBytes: 0,
      totalBytes: 600_000_000,
      bytesPerSecond: 10_000_000,
      etaSeconds: (60_000 - at) / 1000,
      lanes: 1,
      models: [],
    });
  }
  await writer.close();
  const lines = memory.stdout().trim().split("\n");
  expect(lines).toHaveLength(6);
  expect(lines[0]).toBe("16 percent of the models downloaded, 100 MB of 600 MB. About 50 s left.");
  // oxlint-disable-next-line no-control-regex -- what would draw anew is what is looked for
  expect(memory.stdout()).not.toMatch(/[\u001b\r\b]/);
});
