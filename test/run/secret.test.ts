import { inspect } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "../../src/run/secret.ts";

test("a secret shows itself to nobody who does not ask for it by name", () => {
  const secret = new Secret("hf_token");
  const shown = [String(secret), JSON.stringify({ secret }), inspect({ secret })];
  expect(shown.join()).not.toContain("hf_token");
  expect(secret.reveal()).toBe("hf_token");
});

test("two secrets are compared without being shown", () => {
  expect(new Secret("hf_token").equals(new Secret("hf_token"))).toBe(true);
  expect(new Secret("hf_token").equals(new Secret("hf_other"))).toBe(false);
});
