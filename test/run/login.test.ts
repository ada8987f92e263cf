import { expect, test } from "vitest";
import { withoutLogin } from "../../src/run/login.ts";

test.each([
  ["ollama:user:pw@host/library/ok", "ollama:…@host/library/ok"],
  ["ollama:user:p/w@host:5000/ok:7b", "ollama:…@host:5000/ok:7b"],
  ["https://token@host/owner/model", "https://…@host/owner/model"],
  ["s3://key:se@cr/et@bucket", "s3://…@bucket"],
  ["user:pw@host/model", "…@host/model"],
  ["owner/model@refs/pr/1", "owner/model@refs/pr/1"],
  [`ollama:llava@sha256:${"a".repeat(64)}`, `ollama:llava@sha256:${"a".repeat(64)}`],
  ["ollama:host:5000/library/ok", "ollama:host:5000/library/ok"],
])("%s is shown as %s", (text, shown) => {
  expect(withoutLogin(text)).toBe(shown);
});
