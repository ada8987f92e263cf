import { exitCodes } from "../exit-codes.ts";
import { inFolder, quoted } from "../shell-quote.ts";
import { formatMemory } from "../units.ts";
import { row } from "./row.ts";

/** What most likely keeps a container from running. */
export type LikelyCause =
  /** By the kernel, for its memory; null where the compose file sets no limit. */
  | { readonly kind: "killed"; readonly memoryLimitBytes: number | null }
  | { readonly kind: "token-unreadable" }
  /** `here`: the path is one of this machine, and not one inside the container. */
  | { readonly kind: "models-unreadable"; readonly path: string; readonly here: boolean }
  /** The databases were made with others. */
  | { readonly kind: "passwords" };

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
      /** Null where nobody knows. */
      readonly likelyCause: LikelyCause | null;
    }
  >({
    exitCode: exitCodes.failed,
    message: ({ service, state, exitCode, logLines }) => {
      const last =
        logLines.length === 0 ? "It wrote nothing." : `Its last lines:\n${logLines.join("\n")}`;
      return `The container ${service} ${whatHappened(state, exitCode)}. ${last}`;
    },
    hint: ({ stackDir, service, likelyCause }) =>
      `${likelyCause === null ? "" : `${adviceFor(likelyCause, service)} `}See more with: ${inFolder(stackDir, `docker compose logs ${quoted(service)}`)}`,
  }),
};

function adviceFor(cause: LikelyCause, service: string): string {
  switch (cause.kind) {
    case "killed":
      return cause.memoryLimitBytes === null
        ? "It was killed, most likely for want of memory: choose fewer models (--tiers 1)."
        : `It was killed, most likely at the memory limit of ${formatMemory(cause.memoryLimitBytes)} that the compose file sets: raise mem_limit of ${service}.`;
    case "token-unreadable":
      return "Annie may not read the token, which she does not need: delete secrets/hf_token and run heros setup again.";
    case "models-unreadable":
      return cause.here
        ? `Annie may not read ${cause.path}. See which folder on the way is closed to other users: namei -l ${quoted(cause.path)}; then open that one alone to them, with chmod go+rx.`
        : `Annie may not read ${cause.path}.`;
    case "passwords":
      return "The passwords in .env are not those that the databases were made with: put the old ones back.";
  }
}

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
