import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { resumeUnitText } from "../../../src/deploy/systemd/resume-unit.ts";
import { planUnit, removeUnit, writeUnit } from "../../../src/deploy/systemd/user-service.ts";
import { testHost } from "../compose/fixtures.ts";

test("a unit that can't be removed is not told as removed", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-unit-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const host = testHost({ XDG_CONFIG_HOME: folder });
  const planned = await planUnit(host, resumeUnitText({ command: ["/bin/true"], environment: {} }));
  if (planned === null) throw new Error("no unit was planned");
  expect(await writeUnit(host, planned)).toBeNull();
  const refuse = (): Promise<never> => Promise.reject(new Error("EROFS"));
  expect(await removeUnit({ ...host, files: { ...host.files, rm: refuse } })).toBe(false);
  expect(await removeUnit(host)).toBe(true);
  expect(await removeUnit(host)).toBe(false);
});
