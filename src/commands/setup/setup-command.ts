import { shippedPath } from "../../cli/app-files.ts";
import { type GatheredSettings, gatherSettings } from "../../cli/gather-settings.ts";
import { usageFailure } from "../../cli/options.ts";
import type { SetupCommand } from "../../cli/program.ts";
import type { Host } from "../../host/host.ts";
import { ownUid } from "../../host/own-file.ts";
import type { Answers } from "../../plan/answers.ts";
import { resolveAnswers } from "../../plan/resolve.ts";
import type { Continuation, DetachRequest, Handover } from "../../record/handover.ts";
import type { Notice } from "../../run/events/run.ts";
import { quoted } from "../../run/shell.ts";
import type { Writer } from "../../ui/writer.ts";
import { anniePlace } from "../annie-port.ts";
import type { SetupRequest, Work } from "../request.ts";
import { foundTokens } from "../tokens.ts";
import { setup } from "./setup.ts";

export interface SetupTools {
  readonly command: SetupCommand;
  readonly writer: Writer;
  /** The Node that runs heros, for the demo's own processes. */
  readonly nodePath: string;
  readonly detach: DetachRequest;
  readonly handover: Handover;
}

/** `heros setup`, for real or as a demo. */
export async function performSetup(
  work: Work,
  { command, writer, nodePath, detach, handover }: SetupTools,
): Promise<readonly string[] | null> {
  const ask = whoAnswers(command, writer);
  const remedy = ask === null ? null : (writer.remedy ?? null);
  const { demo } = command;
  if (demo === null) {
    const { dryRun } = command;
    const settings = await gatherSettings(work.host, command);
    const request = await requestOf(work.host, settings, { dryRun, ask });
    const onSettled: SetupRequest["onSettled"] = (answers, countedFromMs) => {
      detach.continueWith(async () => ({
        ...(await continuationOf(work.host, request, answers)),
        countedFromMs,
      }));
    };
    const notice = await rootNotice(work.host, request.stackDir);
    if (notice !== null) work.emit(notice);
    return setup(work, { ...request, remedy, onSettled });
  }
  const { performDemo } = await import("../demo.ts");
  return performDemo(work, { command, demo, ask, remedy, nodePath, detach, left: handover.demo });
}

/** A dry run changes nothing, so without a terminal it takes the answers that it has. */
function whoAnswers(command: SetupCommand, writer: Writer): SetupRequest["ask"] {
  if (command.yes) return null;
  if (writer.ask !== undefined) return writer.ask;
  if (command.dryRun) return null;
  const where =
    command.output === "auto"
      ? "without an interactive terminal"
      : `with --output ${command.output}`;
  throw usageFailure(
    `heros setup can't ask its questions ${where}\nAdd --yes to take the defaults, or use --output accessible to answer line by line.`,
  );
}

/**
 * What an unattended setup needs beside the answers that are kept in the state folder: consent, the token, and where the
 * models go, for the Hub's variables win over a kept answer, but not over one that was just given.
 */
export async function continuationOf(
  host: Host,
  { stackDir, cacheDir }: Pick<SetupRequest, "stackDir" | "cacheDir">,
  { token, unsupported, storage }: Answers,
): Promise<Continuation> {
  const flags = [
    "--yes",
    ...(unsupported ? ["--allow-unsupported"] : []),
    ...(cacheDir === null ? ["--storage", storage] : []),
  ];
  if (token.source === "none") return { flags, token: "none" };
  const [first] = await foundTokens(host, stackDir);
  const findsIt = first !== undefined && first.answer.token.equals(token.token);
  return { flags, token: findsIt ? null : token.token };
}

/**
 * What setup is asked to do, by flags, environment and config file.
 * @throws Failure `plan.bad_answer`, `tiers.unknown` (exit 2), before anything is looked at
 */
export async function requestOf(
  host: Host,
  settings: GatheredSettings,
  rest: Pick<SetupRequest, "dryRun" | "ask">,
): Promise<SetupRequest> {
  const { catalog, decided, tokenFile } = settings;
  resolveAnswers({ catalog, remembered: {}, decided, foundTokens: [], tokenFile });
  const { stackDir, port: asked } = settings;
  const { port, portIgnored } = await anniePlace(host, stackDir, asked);
  return {
    ...settings,
    ...rest,
    port,
    ...(portIgnored && asked !== null ? { ignoredPort: asked } : {}),
    assetsDir: shippedPath("assets"),
  };
}

/** What `sudo heros setup` means, which is seldom what was meant; null where nobody came by sudo. */
export async function rootNotice(host: Host, stackDir: string): Promise<Notice | null> {
  const user = host.env["SUDO_USER"] ?? "";
  if (user === "" || user === "root" || (await ownUid(host.files)) !== 0) return null;
  return {
    type: "notice",
    level: "warning",
    code: "setup.as_root",
    message: `heros is running as root: Annie's files in ${stackDir} and her models will belong to root, not to ${user}.`,
    hint: `To keep them as ${user}, cancel and run heros setup without sudo. If Docker refuses: sudo usermod -aG docker ${quoted(user)}, then log in again.`,
  };
}
