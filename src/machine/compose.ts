import { failure } from "../run/failures/table.ts";
import { readEngineError } from "../docker/engine.ts";
import type { RunResult } from "../host/processes.ts";
import type { Finding } from "./check.ts";
import { thresholds } from "./thresholds.ts";
import { late, lateText, withinLimit, type Probe } from "../host/time-limit.ts";
import { compareVersion } from "../run/version.ts";

export type ComposeAnswer =
  | { readonly state: "there"; readonly version: string }
  | { readonly state: "missing" }
  /** Docker itself is not there. */
  | { readonly state: "no-docker" }
  /** Docker refuses every command: what the check of its engine tells. */
  | { readonly state: "no-engine" }
  | { readonly state: "late" };

export async function askCompose(probe: Probe): Promise<ComposeAnswer> {
  const result = await withinLimit(probe, (signal) =>
    probe.host.processes.run({
      command: "docker",
      args: ["compose", "version", "--short"],
      signal,
    }),
  );
  return result === late ? { state: "late" } : parseComposeVersion(result);
}

/** A docker without the plugin takes `compose` or `--short` for a mistake of its own, in different words and with different statuses. */
export function parseComposeVersion(
  result: Pick<RunResult, "exitCode" | "stdout" | "stderr" | "missing">,
): ComposeAnswer {
  if (result.missing) return { state: "no-docker" };
  const version = result.stdout.trim().split("\n").at(-1)?.trim().replace(/^v/, "") ?? "";
  if (result.exitCode === 0 && /^(\d+\.\d+|dev)/.test(version)) {
    return { state: "there", version };
  }
  return { state: readEngineError(result.stderr) === null ? "missing" : "no-engine" };
}

export function assessCompose(answer: ComposeAnswer, { limitMs }: Pick<Probe, "limitMs">): Finding {
  switch (answer.state) {
    case "no-docker":
      return { status: "warning", found: "not looked at: Docker is not installed" };
    case "no-engine":
      return { status: "warning", found: "not checked: see the Docker engine" };
    case "late":
      return { status: "warning", found: `docker compose: ${lateText({ limitMs })}` };
    case "missing":
      return {
        status: "failed",
        found: "the plugin is not installed",
        remedy: "sudo apt-get install docker-compose-plugin",
        failure: failure("compose.missing", undefined),
      };
    case "there":
      // A version that is no number, `dev`, is taken for new.
      if ((compareVersion(answer.version, thresholds.composeVersion) ?? 0) < 0) {
        return {
          status: "warning",
          found: `Compose ${answer.version}, older than ${thresholds.composeVersion.join(".")}`,
          remedy: "sudo apt-get install --only-upgrade docker-compose-plugin",
        };
      }
      return { status: "ok", found: `Compose ${answer.version}` };
  }
}
