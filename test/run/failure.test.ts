import { expect, test } from "vitest";
import { errorCode, rootErrorCode } from "../../src/run/failure.ts";

const reset = Object.assign(new Error("cut"), { code: "ECONNRESET" });

test("an error's code is its own, or where need be that of what caused it", () => {
  expect(errorCode(reset)).toBe("ECONNRESET");
  expect(errorCode(new Error("wrapped", { cause: reset }))).toBeNull();
  expect(rootErrorCode(new Error("wrapped", { cause: reset }))).toBe("ECONNRESET");
  expect(rootErrorCode(new AggregateError([reset, new Error("another")]))).toBe("ECONNRESET");
});

test("what is no error, or has a code that is no text, has none", () => {
  for (const each of [null, "ENOENT", { code: "ENOENT" }, new Error("no code")]) {
    expect([errorCode(each), rootErrorCode(each)]).toEqual([null, null]);
  }
  expect(errorCode(Object.assign(new Error("odd"), { code: 7 }))).toBeNull();
});
