import { expect, test } from "vitest";
import { named, withName } from "../../src/run/assistant.ts";

test("a text has the name of the stack's assistant in it", () => {
  expect(withName("{assistant} is online. Stop {assistant}: heros down", "Annie")).toBe(
    "Annie is online. Stop Annie: heros down",
  );
});

test("where nobody knows a name, it is the assistant, with a capital where a sentence begins", () => {
  const text =
    "{assistant} is starting. {assistant}'s log: heros logs\n{assistant} needs {assistant}";
  expect(withName(text, null)).toBe(
    "The assistant is starting. The assistant's log: heros logs\nThe assistant needs the assistant",
  );
});

test("a name keeps its own first letter", () => {
  expect(withName("{assistant} is online", "open-webui")).toBe("open-webui is online");
});

test("sentences of an event get the name, what a machine reads of it does not", () => {
  const event = {
    type: "run.failed",
    code: "annie.{assistant}",
    message: "{assistant} is away.",
    hint: "Start {assistant}.",
    exitCode: 1,
  } as const;
  expect(named(event, "Annie")).toStrictEqual({
    ...event,
    message: "Annie is away.",
    hint: "Start Annie.",
  });
  const logged = { type: "container.logged", service: "core", line: "{assistant}" } as const;
  expect(named(logged, "Annie")).toBe(logged);
});
