import { expect, it } from "vitest";
import { openHosted } from "./wrong-input.ts";

it("asks the Hub for a model of the Hub's, and for none where the stack has none of it", async () => {
  const { sandbox, hub } = await openHosted();
  const file = async (name: string, ofHub: string) =>
    sandbox.file(
      name,
      `schema: 2\nstack: { id: own, base: none }\ngroups: [{ id: all }]\nmodels:\n  - { id: one, source: "ollama:one", group: all }\n${ofHub}`,
    );
  const both = "  - { id: two, repo: demo/voice, group: all }\n";
  const found = async (path: string) => {
    const args = ["doctor", "hub", "--catalog", path, "--endpoint", hub.endpoint, "--json"];
    const run = await sandbox.run(args);
    const [check] = run.events().filter((event) => event.type === "check.finished");
    return [run.exitCode, check?.status, check?.found];
  };
  expect(await found(await file("both.yaml", both))).toEqual([
    0,
    "ok",
    expect.stringContaining("answers in"),
  ]);
  const skipped = [0, "skipped", "no model of this stack comes from it"];
  expect(await found(await file("none.yaml", ""))).toEqual(skipped);
});
