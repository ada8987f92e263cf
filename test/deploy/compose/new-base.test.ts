import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { readNewBase } from "../../../src/deploy/compose/new-base.ts";
import { testHost } from "../../machine/test-host.ts";

it("a base that can't be used is named itself, and so is the catalog that names it", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-base-"));
  onTestFinished(async () => rm(folder, { recursive: true }));
  const at = (name: string) => path.join(folder, name);
  await mkdir(at("folder.yml"));
  await writeFile(at("empty.yml"), "");
  await writeFile(at("good.yml"), "services: { web: { image: a } }\n");
  expect(await readNewBase(testHost(), at("good.yml"))).toContain("image: a");
  for (const [name, problem] of [
    ["folder.yml", "it is a folder"],
    ["empty.yml", "is not a compose file"],
    ["gone.yml", "does not exist"],
  ] as const) {
    await expect(readNewBase(testHost(), at(name))).rejects.toMatchObject({
      code: "stack.base_invalid",
      exitCode: 2,
      message: expect.stringMatching(`${at(name)}.*${problem}`) as unknown,
      hint: expect.stringContaining("correct stack.base in the catalog") as unknown,
    });
  }
});
