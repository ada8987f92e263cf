import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { envCases } from "../stack/env/env-cases.ts";

const compose = 'services: {x: {image: x, environment: {A: "${A-(none)}", B: "${B-(none)}"}}}\n';

// To write the answers anew: vitest run --config test/docker/vitest.config.ts compose-env --update
test("compose reads .env files as it did when its answers were written down", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-env-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(path.join(folder, "compose.yml"), compose);
  const answers: Record<string, object | null> = {};
  for (const signs of envCases) {
    await writeFile(path.join(folder, ".env"), Buffer.from(signs, "latin1"));
    answers[signs] = await ask(folder);
  }
  await expect(`${JSON.stringify(answers, null, 2)}\n`).toMatchFileSnapshot(
    "../stack/env/compose-answers.json",
  );
});

function ask(folder: string): Promise<object | null> {
  const { PATH = "/usr/bin:/bin", DOCKER_CONFIG = "" } = process.env;
  const env = { PATH, DOCKER_CONFIG, HOME: folder, OUTER: "outside", EMPTY: "" };
  return new Promise((resolve) => {
    execFile(
      "docker",
      ["compose", "config", "--format", "json"],
      { cwd: folder, env },
      (error, stdout) => {
        if (error !== null) return resolve(null);
        const project = JSON.parse(stdout) as {
          services: { x: { environment: Record<"A" | "B", string> } };
        };
        const { A, B } = project.services.x.environment;
        resolve({ A: value(A), B: value(B) });
      },
    );
  });
}

/** Compose doubles what it would fill in again. */
function value(shown: string): string | null {
  return shown === "(none)" ? null : shown.replaceAll("$$", "$");
}
