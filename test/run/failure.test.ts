import { expect, test } from "vitest";
import { errorCode, exitCodes, Failure, rootErrorCode } from "../../src/run/failure.ts";
import { failure } from "../../src/run/failures/table.ts";
import { onlineWithout } from "../../src/run/failures/annie.ts";

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

test.each([
  ["hub.unreachable", "x", [], "some of its models are not ready"],
  ["registry.unreachable", "x", ["kokoro:1"], "the image kokoro:1 is not ready"],
  ["docker.image_missing", "x", ["kokoro:1", "b:1"], "some of its images are not ready"],
  ["download.hash_mismatch", "A layer of a/b", ["kokoro:1"], "the image kokoro:1 is not ready"],
  [
    "download.hash_mismatch",
    "config.json of a/b",
    ["kokoro:1"],
    "some of its models are not ready",
  ],
  ["docker.daemon_down", "x", ["kokoro:1"], "some of its containers are not running"],
  ["disk.full", "x", ["kokoro:1"], "some of its models or images are not ready"],
  ["disk.full", "x", [], "some of its models are not ready"],
])(
  "where Annie is online, %s (%s) beside the images %j says: %s",
  (code, message, images, told) => {
    const reason = new Failure({ code, message, hint: "", exitCode: exitCodes.network });
    expect(onlineWithout(reason, images)).toMatchObject({
      code,
      exitCode: exitCodes.degraded,
      message: `{assistant} is online, but ${told}: ${message}`,
    });
  },
);

test("of a file without a promised hash, no hash is named", () => {
  const hash = { algorithm: "git-sha1", hex: "" } as const;
  const pipe = { repo: "a/b", path: "pipe", hash, expected: "", found: "not a file" };
  const first = { ...pipe, reason: "unreadable" } as const;
  const { message } = failure("models.damaged", { first, others: 0 });
  expect(message).toBe("pipe of a/b can't be read (not a file).");
});
