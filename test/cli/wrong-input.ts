import { expect, onTestFinished } from "vitest";
import { type EmbeddedHub, type HubOptions, startHub } from "../../src/demo/hub/hub.ts";
import { type HerosRun, makeSandbox, type Sandbox } from "./sandbox.ts";

/** What the tests of wrong input have on their Hub. */
export const hosted: HubOptions = {
  tokens: { hf_good_token: "ann" },
  repos: [
    {
      id: "demo/voice",
      files: [
        { path: "config.json", content: "{}" },
        { path: "model.safetensors", sizeBytes: 2_000_000 },
      ],
    },
    {
      id: "demo/gated",
      access: "gated",
      readers: ["hf_good_token"],
      files: [{ path: "a.bin", sizeBytes: 10 }],
    },
  ],
};

/** A sandbox and that Hub for one test; they go after what the test itself takes down at its end. */
export async function openHosted(): Promise<{
  readonly sandbox: Sandbox;
  readonly hub: EmbeddedHub;
}> {
  const sandbox = await makeSandbox();
  const hub = await startHub(hosted);
  onTestFinished(async () => {
    await hub.close();
    await sandbox[Symbol.asyncDispose]();
  });
  return { sandbox, hub };
}

/** Path of a catalog with one model, in tier 1. */
export function catalogOf(sandbox: Sandbox, repo: string, revision = "main"): Promise<string> {
  return sandbox.file(
    "catalog.yaml",
    `schema: 1\nstack: test\ntiers:\n  - {id: 1, name: Critical, required: true}\nmodels:\n  - {id: voice, repo: ${repo}, revision: ${revision}, tier: 1}\n`,
  );
}

/** The closing record of a run that failed: the only one, and the last line. */
export function failureOf(run: HerosRun) {
  const events = run.events();
  const closings = events.filter(
    (event) => event.type.startsWith("run.") && event.type !== "run.started",
  );
  expect(closings).toHaveLength(1);
  const last = events.at(-1);
  if (last?.type !== "run.failed") throw new Error(`ended with ${JSON.stringify(last)}`);
  expect(last.exitCode).toBe(run.exitCode);
  expect(last.hint).not.toBe("");
  return last;
}
