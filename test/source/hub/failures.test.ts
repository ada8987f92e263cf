import { expect, test } from "vitest";
import { failureOfStatus } from "../../../src/source/hub/failures.ts";

const asked = {
  endpoint: "https://huggingface.co",
  repo: "org/model",
  path: "a",
  revision: "main",
};

test.each([
  [401, undefined, false],
  [401, undefined, true],
  [403, undefined, true],
  [403, "GatedRepo", false],
  [403, "GatedRepo", true],
  [404, "RepoNotFound", false],
  [404, "RepoNotFound", true],
  [404, "RevisionNotFound", true],
  [404, "EntryNotFound", true],
])("an answer %s %s, token %s, is told without flags on a form", (status, header, withToken) => {
  const failure = failureOfStatus(status, header, { ...asked, withToken });
  expect(failure?.formHint).not.toMatch(/--[a-z]|HF_TOKEN/);
  expect(failure?.formHint).not.toBe("");
});
