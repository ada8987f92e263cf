import { expect, test } from "vitest";
import { formatHandover, noHandover, parseHandover } from "../../src/record/handover.ts";

test("what is handed over arrives, and of the environment only what holds a token", () => {
  const demo = { folder: "/tmp/demo", port: 8123 };
  const env = { HF_TOKEN: "hf_one", HOME: "/home/ann", PATH: undefined };
  const text = formatHandover({ env, elapsedMs: 1234, demo });
  expect(text).not.toContain("/home/ann");
  expect(parseHandover(text)).toEqual({ env: { HF_TOKEN: "hf_one" }, elapsedMs: 1234, demo });
});

test.each(["", "null", "[]", "no JSON", '{"env":3,"elapsedMs":-1,"demo":{"folder":1}}'])(
  "%s hands nothing over",
  (text) => {
    expect(parseHandover(text)).toEqual(noHandover);
  },
);
