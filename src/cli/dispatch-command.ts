import type { Host } from "../host/host.ts";
import { createEndpointMemory } from "../source/mirrors.ts";
import type { Emit } from "../run/event.ts";
import { stages } from "../run/events/run.ts";
import type { PauseSwitch } from "../run/run-control.ts";
import { stackChosen } from "../catalog/capabilities.ts";
import {
  type GatheredSettings,
  gatherSettings,
  gatherTold,
  ofStack,
} from "../commands/gather-settings.ts";
import type { ModelChoice } from "../commands/pull.ts";
import type { Work } from "../commands/command-request.ts";
import type { Person } from "../plan/interview.ts";
import { failure } from "../run/failures/table.ts";
import type { Writer } from "../ui/writer.ts";
import { backgroundDirOf, stateDirOf } from "../record/state-dir.ts";
import { herosVersion, readInput, shippedPath } from "./host-facts.ts";
import { terminate } from "./attach-to-background.ts";
import { type Crash, runCommand } from "./run-lifecycle.ts";
import type { Program } from "../record/detach.ts";
import type { DetachRequest, Handover } from "../record/handover.ts";
import type {
  HerosCommand,
  ModelsCommand,
  PullCommand,
  ReplayCommand,
  SetupCommand,
} from "./parse-arguments.ts";
import { type CommandAbout, type CommandPlan, unrecorded } from "./command-plan.ts";
import { planPush } from "./dispatch-push.ts";
import { planExport } from "./dispatch-export.ts";
import { planRelease } from "./dispatch-release.ts";
import { planServe } from "./dispatch-serve.ts";
import { noRunLog, openRunLog } from "../record/write-record.ts";

export interface DispatchRequest {
  readonly command: Exclude<HerosCommand, ReplayCommand>;
  /** By the run that this one goes on for. */
  readonly handover: Handover;
  readonly host: Host;
  readonly writer: Writer;
  readonly signal: AbortSignal;
  readonly crash: Crash;
  /** Aborted right before the program ends without waiting for anything. */
  readonly quit: AbortSignal;
  readonly pause: PauseSwitch;
  readonly detach: DetachRequest;
  /** The Node that runs heros, for the demo's own processes. */
  readonly nodePath: string;
  /** What starts heros. */
  readonly program: Program;
  /** As this program was started with. */
  readonly argv: readonly string[];
}

/**
 * Performs a command from its first event to its last.
 * @returns the exit status
 */
export async function dispatchCommand(request: DispatchRequest): Promise<number> {
  const { command, handover, host, writer, signal, crash, quit, pause, detach, program, argv } =
    request;
  const plan = planCommand(request);
  const { stages: stagesOfRun, demo, recorded, resumeHint, work } = plan;
  if (plan.closed === true) process.umask(process.umask() | 0o022);
  const title = titleOf(command);
  const stateDir = backgroundDirOf(host, demo);
  const log = recorded
    ? await openRunLog(host, stateDirOf(host), title.replace(" ", "-"))
    : noRunLog;
  if (isResumed(command) && log.file !== null) {
    const { rememberOwnRun } = await import("../record/background-run.ts");
    const own = { command: "setup" as const, argv: [...argv], record: log.file };
    await rememberOwnRun(host, stateDir, own);
  }
  const status = await runCommand({
    host,
    elapsedBeforeMs: handover.elapsedMs,
    writer,
    log,
    signal,
    crash,
    quit,
    started: { command: title, herosVersion: herosVersion(), demo, stages: stagesOfRun },
    resumeHint,
    detach:
      command.name === "setup" || command.name === "pull"
        ? async (elapsedMs) => {
            if (!detach.isMade()) return null;
            const { detachRun } = await import("../record/detach.ts");
            const own = { host, program, argv, stateDir, terminate };
            return detachRun({ ...own, request: detach, elapsedMs, command: command.name });
          }
        : null,
    work: (emit: Emit, elapsedMs) =>
      work({ host, emit, signal, elapsedMs, endpoints: createEndpointMemory(), pause }),
  });
  // Nothing is left of a demo, its record neither; who watches it has that open.
  if (demo && command.inBackground) await host.files.rm(stateDir, { recursive: true, force: true });
  return status;
}

function titleOf(command: DispatchRequest["command"]): string {
  if (command.name === "models" || command.name === "catalog" || command.name === "cache") {
    return `${command.name} ${command.action}`;
  }
  if (command.name === "doctor" && command.list) return "doctor --list";
  if (command.name === "upgrade" && command.rollback) return "upgrade --rollback";
  return command.name === "release" ? "release install" : command.name;
}

const unrecordedAgain = { ...unrecorded, resumeHint: "Run the same command again." } as const;

/** What a command does; the code of each is loaded when it is its turn. */
function planCommand(request: DispatchRequest): CommandPlan {
  const { command, writer, detach } = request;
  const goesOn = command.inBackground || isResumed(command);
  const given = { ...command, inBackground: goesOn, assetsDir: shippedPath("assets"), readInput };
  const about: CommandAbout = async (work, perform) => {
    const settings = await gatherTold(work, given);
    return perform(settings, ofStack(work, settings));
  };
  switch (command.name) {
    case "setup": {
      const demo = command.demo !== null;
      return {
        stages,
        demo,
        // In the background its lines are the record.
        recorded: !demo && !command.dryRun && !command.inBackground,
        resumeHint: demo
          ? "The demo is over. For the real setup, run heros setup."
          : "Everything downloaded is kept. Run heros setup again to continue.",
        work: async (work) => {
          const settings = await gatherSettings(work.host, given);
          // What was given wrongly comes before who is asked for the rest.
          const { resolveAnswers } = await import("../plan/resolve.ts");
          resolveAnswers({ ...settings, remembered: {}, foundTokens: [] });
          const person = await whoAnswers(command, writer, work.host);
          const { chooseCatalog } = await import("../commands/setup/choose-catalog.ts");
          const chosen = demo ? settings : await chooseCatalog(work, settings, person);
          if (chosen === null) return null;
          work.emit(stackChosen(chosen.catalog));
          return setUp(ofStack(work, chosen), request, { command, person, settings: chosen });
        },
      };
    }
    case "pull":
      return {
        stages: ["download"],
        demo: false,
        recorded: !command.inBackground,
        resumeHint: "Everything downloaded is kept. Run the same command again to continue.",
        work: async (work) => {
          const { performPull } = await import("../commands/pull.ts");
          const { images } = command;
          const assetsDir = shippedPath("assets");
          const choice = choiceOf(command);
          return about(work, (settings, own) =>
            performPull(own, { settings, choice, images, assetsDir, detach }),
          );
        },
      };
    case "doctor": {
      const { ids, list, fix } = command;
      return {
        stages: list ? [] : ["machine"],
        demo: false,
        recorded: false,
        resumeHint: "Run heros doctor again to complete the check.",
        work: async (work) => {
          const { listChecks, performDoctor } = await import("../commands/doctor/doctor.ts");
          if (list) return listChecks(work, ids);
          const assetsDir = shippedPath("assets");
          return about(work, (settings, own) =>
            performDoctor(own, { settings, ids, fix, assetsDir }),
          );
        },
      };
    }
    case "status":
      return {
        ...unrecorded,
        resumeHint: "{assistant} is not affected. Run heros status to see its status.",
        work: async (work) => {
          const { performStatus } = await import("../commands/status.ts");
          const assetsDir = shippedPath("assets");
          const { watch } = command;
          return about(work, (settings, own) => performStatus(own, { settings, watch, assetsDir }));
        },
      };
    case "up":
    case "down":
    case "restart":
    case "logs":
    case "open":
      return {
        ...unrecorded,
        resumeHint: "Run heros status to see how {assistant} is.",
        work: async (work) => {
          const { operateStack } = await import("../commands/stack/operate-stack.ts");
          return about(work, (settings, own) => operateStack(own, settings, command.order));
        },
      };
    case "models": {
      const { action, yes, dryRun } = command;
      const resumes = ["repair", "update", "push"].includes(action);
      const kept = action === "push" ? "sent" : "downloaded";
      return {
        stages: [],
        demo: false,
        recorded:
          ["repair", "push"].includes(action) ||
          (action === "update" && !dryRun) ||
          (["prune", "rm"].includes(action) && yes && !dryRun),
        resumeHint: resumes
          ? `Everything ${kept} is kept. Run the same command again to continue.`
          : "Run the same command again to complete it.",
        work: async (work) => {
          const { performModels } = await import("../commands/models/models.ts");
          const options = { action, choice: choiceOf(command), yes, dryRun, person: writer };
          return about(work, (settings, own) => performModels(own, { settings, ...options }));
        },
      };
    }
    case "catalog":
      return {
        ...unrecordedAgain,
        work: async (work) => {
          const { checkCatalog, listCatalogs } = await import("../commands/catalog.ts");
          const assetsDir = shippedPath("assets");
          const { file } = command;
          return file === null
            ? listCatalogs(work, assetsDir)
            : checkCatalog(work, { file, assetsDir });
        },
      };
    case "cache":
      return {
        ...unrecordedAgain,
        work: async (work) => {
          const { shareCache } = await import("../commands/cache/share.ts");
          return about(work, (settings, own) => shareCache(own, { ...command, settings }));
        },
      };
    case "serve":
      return planServe(command, about);
    case "export compose":
      return planExport({ command, about });
    case "report":
      return {
        ...unrecordedAgain,
        work: async (work) => {
          const { performReport } = await import("../commands/report.ts");
          const shared = { assetsDir: shippedPath("assets"), herosVersion: herosVersion() };
          return about(work, (settings, own) => performReport(own, { settings, ...shared }));
        },
      };
    case "completion":
      return {
        ...unrecordedAgain,
        work: async () => {
          const { completionScript } = await import("./completion.ts");
          return (await completionScript(command.shell)).trimEnd().split("\n");
        },
      };
    case "push":
      return planPush({ command, about });
    case "release":
    case "upgrade":
    case "uninstall":
    case "version":
      return planRelease({ command, writer, about });
  }
}

interface SetUp {
  readonly command: SetupCommand;
  readonly person: Person;
  readonly settings: GatheredSettings;
}

async function setUp(
  work: Work,
  { handover, nodePath, detach, program }: DispatchRequest,
  { command, person, settings }: SetUp,
): Promise<readonly string[] | null> {
  const { dryRun, demo, settingFlags } = command;
  const assetsDir = shippedPath("assets");
  const options = { settings, dryRun, person, assetsDir, detach, program };
  if (demo === null) {
    const { performSetup } = await import("../commands/setup/setup.ts");
    return performSetup(work, options);
  }
  const { performDemo } = await import("../commands/setup/demo.ts");
  return performDemo(work, {
    ...options,
    speed: Number(demo.speed),
    keep: demo.keep,
    port: settingFlags.port === undefined ? null : settings.port,
    nodePath,
    earlier: handover.demo,
  });
}

/** Started by the service that continues a setup after a reboot. */
function isResumed(command: HerosCommand): boolean {
  return command.name === "setup" && command.resumed;
}

/** A dry run changes nothing, so without a terminal it takes the answers that it has. */
async function whoAnswers(command: SetupCommand, writer: Writer, host: Host): Promise<Person> {
  if (command.resumed) {
    const { waitForMachine } = await import("../commands/setup/resume-at-boot.ts");
    return { remedy: waitForMachine(host) };
  }
  if (command.yes) return {};
  if (writer.ask !== undefined) return writer;
  if (command.dryRun) return {};
  const needs =
    command.output === "auto"
      ? "needs an interactive terminal"
      : `can't ask its questions with --output ${command.output}`;
  const complaint = `heros setup ${needs}\nAdd --yes to take the defaults, or --output accessible to answer line by line.`;
  throw failure("usage.wrong", { complaint });
}

function choiceOf({ models, all, questionFlags }: PullCommand | ModelsCommand): ModelChoice {
  return { names: models, all, groups: questionFlags.groups !== undefined };
}
