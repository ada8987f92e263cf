import { exitCodes, type Failure, retold, row } from "../failure.ts";
import { inFolder, quoted } from "../shell-quote.ts";
import { formatMemory } from "../units.ts";

/** Why a container probably fails. */
export type LikelyCause =
  /** By the kernel, for its memory; null where the compose file sets no limit. Certain where Docker says so. */
  | {
      readonly kind: "killed";
      readonly memoryLimitBytes: number | null;
      readonly isCertain: boolean;
    }
  /** `share`: less is free than the share it reserves. `cache`: that share is too small for its cache. */
  | { readonly kind: "gpu-memory"; readonly lack: "share" | "cache" | "any" }
  | { readonly kind: "gpu-lost"; readonly until: "restart" | "reboot" }
  /** Its image has no code for this GPU. */
  | { readonly kind: "wrong-gpu" }
  /** Another program listens where it wants to. */
  | { readonly kind: "port-taken" }
  | { readonly kind: "token-unreadable" }
  /** `here`: the path is one of this machine, and not one inside the container. */
  | { readonly kind: "models-unreadable"; readonly path: string; readonly here: boolean }
  /** The databases were made with others. */
  | { readonly kind: "passwords" };

interface InStack {
  /** Where its compose files are. */
  readonly stackDir: string;
}

/** What is told of it, with the last lines of its log where somebody read them. */
interface OfHer extends InStack {
  readonly logLines?: readonly string[];
}

const withLines = (sentence: string, { logLines }: OfHer) =>
  logLines === undefined ? sentence : `${sentence} ${lastLines(logLines)}`;

const named = (lacks: readonly string[]) => lacks.join(", ");

const ownLog = ({ stackDir }: InStack) =>
  `Check the logs: ${inFolder(stackDir, "docker compose logs")}`;

/**
 * A failure of what comes later, while the stack runs on its first models.
 * @param images that it does not wait for, by their names
 */
export function onlineWithout(reason: Failure, images: readonly string[] = []): Failure {
  return retold(reason, {
    message: `{assistant} is online, but ${lackingLater(reason, images)}: ${reason.message}`,
    exitCode: exitCodes.degraded,
  });
}

/** Of Docker's failures, those of a pull. */
const ofPulls =
  /^docker\.(?:disk_full|pull_\w+|registry_error|image_\w+|wrong_architecture|credentials)$/;

/** What failed, by where its failure is from; a full disk may be full of either. */
function lackingLater({ code, message }: Failure, images: readonly string[]): string {
  const [room = ""] = code.split(".");
  const isLayer = message.startsWith("A layer of ");
  if (["image", "registry"].includes(room) || isLayer || ofPulls.test(code)) {
    const [only] = images;
    return images.length === 1
      ? `the image ${only} is not ready`
      : "some of its images are not ready";
  }
  if (["docker", "compose", "stack", "annie"].includes(room)) {
    return "some of its containers are not running";
  }
  const isModels = images.length === 0 || ["hub", "models", "token", "download"].includes(room);
  return isModels
    ? "some of its models are not ready"
    : "some of its models or images are not ready";
}

/** Why `heros status` does not find the stack online; its hint is what would bring it online. */
export function notOnlineNow(
  reason: Failure,
  known: {
    readonly inBackground: boolean;
    readonly stranger: boolean;
    /** The command that starts it; null where it was not set up. */
    readonly start: string | null;
  },
): Failure {
  if (known.inBackground) {
    return retold(reason, {
      hint: "heros setup is running in the background. Follow it: heros status --watch",
    });
  }
  if (known.stranger) return reason;
  const { start } = known;
  const hint = start === null ? "Set it up: heros setup" : `Start it: ${start}. ${reason.hint}`;
  return retold(reason, { hint });
}

export const annieFailures = {
  "annie.unreachable": row<OfHer & { url: string; from: "nobody" | "stranger" }>({
    exitCode: exitCodes.failed,
    message: (data) =>
      withLines(
        data.from === "nobody"
          ? `{assistant} does not respond at ${data.url}.`
          : `Something other than {assistant} responds at ${data.url}.`,
        data,
      ),
    hint: (data) =>
      data.from === "nobody" ? ownLog(data) : "See which program uses its port: sudo ss -ltnp",
  }),
  "annie.still_starting": row<OfHer>({
    exitCode: exitCodes.failed,
    message: (data) =>
      withLines("{assistant} is still starting, although the required models are ready.", data),
    hint: ownLog,
  }),
  "annie.unsteady": row<OfHer & { relapses: number }>({
    exitCode: exitCodes.degraded,
    message: (data) =>
      withLines(
        `{assistant} is unstable: it became healthy and failed again ${data.relapses} times.`,
        data,
      ),
    hint: ownLog,
  }),
  "annie.degraded": row<
    OfHer & {
      /** Capabilities, by their names in the health contract. */
      readonly lacks: readonly string[];
      /** Its own word for how it is; null where it is online and every model is there. */
      readonly status: string | null;
    }
  >({
    exitCode: exitCodes.degraded,
    message: (data) => {
      const { status, lacks } = data;
      return withLines(
        status === null
          ? `{assistant} is online without ${named(lacks)}, although the models are ready.`
          : `{assistant} is running${lacks.length === 0 ? "" : ` without ${named(lacks)}`}, and reports "${status}".`,
        data,
      );
    },
    hint: ownLog,
  }),
  "annie.not_proved": row<
    InStack & {
      /** "POST /search" */
      readonly asked: string;
      /** What came back instead of an answer. */
      readonly said: string;
    }
  >({
    exitCode: exitCodes.degraded,
    message: ({ asked, said }) =>
      `{assistant} is online, but failed a test question (${asked}): ${said}.`,
    hint: ownLog,
  }),
  "annie.container_gone": row<{ service: string }>({
    exitCode: exitCodes.failed,
    message: ({ service }) => `The container of ${service} was removed while heros was running.`,
    hint: () => "Run heros setup again: it starts the container.",
  }),
  "annie.held_back": row<
    InStack & {
      /** The stack's own container is not started before it has ended well. */
      readonly service: string;
      /** Null where nobody saw it. */
      readonly exitCode: number | null;
      /** Null where nobody read it. */
      readonly logLines: readonly string[] | null;
    }
  >({
    exitCode: exitCodes.failed,
    message: ({ service, exitCode, logLines }) =>
      `{assistant} was not started: ${service} must finish first, and failed${exitCode === null ? "" : ` with exit status ${exitCode}`}.${logLines === null ? "" : ` ${lastLines(logLines)}`}`,
    hint: ({ stackDir, service }) =>
      `Fix the cause, then run heros setup again. Check its log: ${inFolder(stackDir, `docker compose logs ${quoted(service)}`)}`,
  }),
  "annie.container_failed": row<
    InStack & {
      readonly service: string;
      readonly state: string;
      readonly exitCode: number | null;
      readonly logLines: readonly string[];
      /** Null where it is not known. */
      readonly likelyCause: LikelyCause | null;
      /** The last words of its health check; null where it has none, or said nothing. */
      readonly checkSays: string | null;
    }
  >({
    exitCode: exitCodes.failed,
    message: ({ service, state, exitCode, logLines, likelyCause, checkSays }) => {
      const outOfMemory = likelyCause?.kind === "killed" && likelyCause.isCertain;
      const check = checkSays === null ? "" : ` Its health check says: ${checkSays}`;
      return `The container ${service} ${whatHappened(state, exitCode, outOfMemory)}.${check} ${lastLines(logLines)}`;
    },
    hint: ({ stackDir, service, likelyCause }) =>
      `${likelyCause === null ? "" : `${adviceFor(likelyCause, service)} `}Check its log: ${inFolder(stackDir, `docker compose logs ${quoted(service)}`)}`,
  }),
};

function lastLines(logLines: readonly string[]): string {
  return logLines.length === 0
    ? "Its log is empty."
    : `Last lines of its log:\n${logLines.join("\n")}`;
}

/** What to do where this is why a container fails. */
export function adviceFor(cause: LikelyCause, service: string): string {
  switch (cause.kind) {
    case "killed": {
      const { memoryLimitBytes: limit, isCertain } = cause;
      const probably = isCertain ? "" : "probably ";
      return limit === null
        ? isCertain
          ? "This machine ran out of memory: choose fewer models (--tiers 1), or stop other programs."
          : "It probably ran out of memory: choose fewer models (--tiers 1)."
        : `It ${probably}exceeded its memory limit of ${formatMemory(limit)}: raise mem_limit of ${service} in the compose file.`;
    }
    case "gpu-memory":
      return gpuMemoryAdvice(cause.lack, service);
    case "gpu-lost":
      return cause.until === "reboot"
        ? "The GPU's driver was updated while it was in use: restart the machine (sudo reboot)."
        : `Its container has lost the GPU: restart it (docker compose restart ${quoted(service)}).`;
    case "wrong-gpu":
      return `Its image was not built for this GPU: choose another image for ${service} in the compose file.`;
    case "port-taken":
      return "Another program uses the port that it listens on. See which: sudo ss -ltnp.";
    case "token-unreadable":
      return "It can't read the saved token, which only gated models need: run heros setup again, which lets its user read the file, or delete secrets/hf_token.";
    case "models-unreadable":
      return cause.here
        ? `{assistant} can't read ${cause.path}. Find the folder that is closed to other users (namei -l ${quoted(cause.path)}), then open only that one: chmod go+rx.`
        : `{assistant} can't read ${cause.path}.`;
    case "passwords":
      return "The passwords in .env are not the ones the databases were created with: restore the old ones.";
  }
}

/** Lists who uses the GPU; of a GPU that shares the system's memory, this alone tells how much. */
const gpuPrograms = "nvidia-smi --query-compute-apps=pid,name,used_memory --format=csv";

function gpuMemoryAdvice(lack: "share" | "cache" | "any", service: string): string {
  switch (lack) {
    case "share":
      return `${service} reserves more memory than is free. Stop other programs that use the GPU (${gpuPrograms}), or lower --gpu-memory-utilization in its command. On a Spark, cached files count as used: sudo sh -c 'sync; echo 3 > /proc/sys/vm/drop_caches' frees them.`;
    case "cache":
      return `The memory that ${service} reserves is too small for its cache: lower --max-model-len in its command, or raise --gpu-memory-utilization if more is free.`;
    case "any":
      return `The GPU ran out of memory. Stop other programs that use it (${gpuPrograms}), choose fewer models (--tiers 1), or lower --gpu-memory-utilization if ${service} runs vLLM.`;
  }
}

/** "stopped with exit status 137", after the name of a container. */
export function whatHappened(state: string, exitCode: number | null, outOfMemory = false): string {
  if (outOfMemory) {
    return state === "restarting"
      ? "keeps running out of memory, and is killed each time"
      : "ran out of memory and was killed";
  }
  switch (state) {
    case "restarting":
      return `keeps restarting${exitCode === null ? "" : ` (exit status ${exitCode})`}`;
    case "unhealthy":
      return "is running, but unhealthy";
    default:
      return exitCode === 0
        ? "stopped by itself with exit status 0, but has to keep running"
        : `stopped with exit status ${exitCode}`;
  }
}
