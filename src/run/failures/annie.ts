import { exitCodes } from "../failure.ts";
import { inFolder, quoted } from "../shell.ts";
import { row } from "./row.ts";

interface InStack {
  /** Where her compose files are. */
  readonly stackDir: string;
}

const herLog = ({ stackDir }: InStack) =>
  `See what she writes with: ${inFolder(stackDir, "docker compose logs her-os-core")}`;

export const annieFailures = {
  "annie.unreachable": row<InStack & { url: string; from: "nobody" | "stranger" }>({
    exitCode: exitCodes.failed,
    message: ({ url, from }) =>
      from === "nobody"
        ? `Annie does not answer at ${url}.`
        : `Something answers at ${url}, but not as Annie does.`,
    hint: (data) =>
      data.from === "nobody"
        ? herLog(data)
        : "Look whether another program has her port: sudo ss -ltnp",
  }),
  "annie.still_starting": row<InStack>({
    exitCode: exitCodes.failed,
    message: () => "Annie is still starting, although her first models are there.",
    hint: herLog,
  }),
  "annie.unsteady": row<InStack & { relapses: number }>({
    exitCode: exitCodes.degraded,
    message: ({ relapses }) =>
      `Annie is not stable: she was healthy and then failed again ${relapses} times.`,
    hint: herLog,
  }),
  "annie.degraded": row<
    InStack & {
      readonly lacks: readonly string[];
      /** Her own word for how she is; null where she is online and every model is there. */
      readonly status: string | null;
    }
  >({
    exitCode: exitCodes.degraded,
    message: ({ status, lacks }) =>
      status === null
        ? `Annie is online, but can't do everything yet: she lacks ${lacks.join(", ")}, though the models are here.`
        : `Annie runs, but calls herself "${status}"${lacks.length === 0 ? "" : ` and lacks ${lacks.join(", ")}`}.`,
    hint: herLog,
  }),
  "annie.container_gone": row<{ service: string }>({
    exitCode: exitCodes.failed,
    message: ({ service }) => `The container of ${service} was removed while heros was at it.`,
    hint: () => "Run heros setup again, which starts it.",
  }),
  "annie.container_failed": row<
    InStack & {
      readonly service: string;
      readonly state: string;
      readonly exitCode: number | null;
      readonly logLines: readonly string[];
      /** What most likely helps, as a sentence with a blank after it; empty where nobody knows. */
      readonly advice: string;
    }
  >({
    exitCode: exitCodes.failed,
    message: ({ service, state, exitCode, logLines }) => {
      const last =
        logLines.length === 0 ? "It wrote nothing." : `Its last lines:\n${logLines.join("\n")}`;
      return `The container ${service} ${whatHappened(state, exitCode)}. ${last}`;
    },
    hint: ({ stackDir, service, advice }) =>
      `${advice}See more with: ${inFolder(stackDir, `docker compose logs ${quoted(service)}`)}`,
  }),
};

function whatHappened(state: string, exitCode: number | null): string {
  switch (state) {
    case "restarting":
      return `starts again and again${exitCode === null ? "" : ` (exit status ${exitCode})`}`;
    case "unhealthy":
      return "runs, but does not get healthy";
    default:
      return `ended with exit status ${exitCode}`;
  }
}
