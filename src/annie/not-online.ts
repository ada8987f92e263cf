import { exitCodes, Failure } from "../progress/failure.ts";
import { inFolder } from "../progress/shell.ts";
import type { Answer } from "./health.ts";

export interface NotOnline {
  readonly answer: Answer;
  readonly url: string;
  readonly tier1: readonly string[];
  /** Where her compose files are. */
  readonly stackDir: string;
  /** How often she was well, and then was not. */
  readonly relapses?: number;
}

/** Why Annie is not online although her first models have been there for long. */
export function notOnline({ answer, url, tier1, stackDir, relapses = 0 }: NotOnline): Failure {
  const { health, from } = answer;
  const lacks = tier1.filter((name) => health.capabilities[name] !== true);
  const code = "annie.unreachable";
  const hint = `See what she writes with: ${inFolder(stackDir, "docker compose logs her-os-core")}`;
  if (relapses > 1) {
    return new Failure({
      code: "annie.unsteady",
      message: `Annie is not stable: she was healthy and then failed again ${relapses} times.`,
      hint,
      exitCode: exitCodes.degraded,
    });
  }
  switch (from) {
    case "nobody":
      return new Failure({
        code,
        message: `Annie does not answer at ${url}.`,
        hint,
        exitCode: exitCodes.failed,
      });
    case "stranger":
      return new Failure({
        code,
        message: `Something answers at ${url}, but not as Annie does.`,
        hint: "Look whether another program has her port: sudo ss -ltnp",
        exitCode: exitCodes.failed,
      });
    case "annie":
      if (health.status === "starting") {
        return new Failure({
          code: "annie.still_starting",
          message: "Annie is still starting, although her first models are there.",
          hint,
          exitCode: exitCodes.failed,
        });
      }
      return new Failure({
        code: "annie.degraded",
        message: `Annie runs, but calls herself "${health.status}"${lacks.length === 0 ? "" : ` and lacks ${lacks.join(", ")}`}.`,
        hint,
        exitCode: exitCodes.degraded,
      });
  }
}
