import { expect, test } from "vitest";
import { stackChosen } from "../../src/catalog/capabilities.ts";
import type { FailedChecks, Interview } from "../../src/plan/interview.ts";
import { Failure } from "../../src/run/failure.ts";
import type { Writer } from "../../src/ui/writer.ts";
import { withNames } from "../../src/ui/named-writer.ts";
import { herOs } from "../her-os.ts";
import { cannedInterview } from "./canned-interview.ts";

const { signal } = new AbortController();
const quiet = { write: () => {}, close: () => Promise.resolve() };

function namedAfterChoice(writer: Partial<Writer>): Writer {
  const named = withNames({ ...quiet, ...writer });
  named.write({ v: 1, at: 0, ...stackChosen(herOs) });
  return named;
}

test("what is to be fixed, confirmed and chosen has the name of the stack that was chosen", async () => {
  const asked: unknown[] = [];
  const writer = namedAfterChoice({
    remedy: (failed) => Promise.resolve(asked.push(failed) > 0 ? "again" : "stop"),
    confirm: (confirmation) => Promise.resolve(asked.push(confirmation) > 0),
    choose: (choice) => Promise.resolve(`${asked.push(choice)}`),
  });
  const check = {
    type: "check.finished",
    id: "port",
    title: "Port for {assistant}",
    status: "failed",
    elapsedMs: 1,
    found: "{assistant} has none",
    remedy: "Give {assistant} another.",
  } as const;
  const failed: FailedChecks = { checks: [check], blocking: true };
  await writer.remedy?.(failed, signal);
  await writer.confirm?.(
    { question: "Stop {assistant}?", details: ["{assistant} is up."] },
    signal,
  );
  const option = { value: "{assistant}", label: "{assistant}", detail: "what {assistant} does" };
  await writer.choose?.({ question: "Which {assistant}?", options: [option] }, signal);
  expect(asked).toEqual([
    {
      blocking: true,
      checks: [
        {
          ...check,
          title: "Port for Annie",
          found: "Annie has none",
          remedy: "Give Annie another.",
        },
      ],
    },
    { question: "Stop Annie?", details: ["Annie is up."] },
    // What a program compares stays as it is.
    {
      question: "Which Annie?",
      options: [{ value: "{assistant}", label: "Annie", detail: "what Annie does" }],
    },
  ]);
});

test("what an interview refuses has it too", async () => {
  const refuse = (): Promise<never> =>
    Promise.reject(
      new Failure({
        code: "x.y",
        message: "{assistant} lacks room.",
        hint: "{assistant} --more",
        formHint: "Give {assistant} more.",
        exitCode: 7,
      }),
    );
  let seen: Interview | null = null;
  const writer = namedAfterChoice({
    ask: (interview) => {
      seen = interview;
      return Promise.resolve(null);
    },
  });
  const interview = { ...cannedInterview({}), preview: refuse, checkFolder: refuse };
  await writer.ask?.(interview, signal);
  const { answers } = interview;
  const words = {
    code: "x.y",
    message: "Annie lacks room.",
    hint: "Annie --more",
    formHint: "Give Annie more.",
    exitCode: 7,
  };
  const told = seen as Interview | null;
  await expect(told?.preview(answers)).rejects.toMatchObject(words);
  await expect(told?.checkFolder(answers)).rejects.toMatchObject(words);
});

test("a writer that can't ask can't ask with names", () => {
  expect(Object.keys(withNames(quiet)).toSorted()).toEqual(["close", "write"]);
});
