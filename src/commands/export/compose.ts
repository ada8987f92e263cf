import path from "node:path";
import {
  findComposeFiles,
  herosFile,
  isSetUp,
  projectFolder,
} from "../../deploy/compose/compose-files.ts";
import type { ComposeText } from "../../deploy/compose/compose-yaml.ts";
import { envValue, readStackEnv } from "../../deploy/compose/env/env-file.ts";
import { type OneFile, oneFile, reachesOut } from "../../deploy/compose/one-file/one-file.ts";
import { lastLine, runCompose } from "../../docker/compose.ts";
import { redactComposeOutput } from "../../docker/compose-failures.ts";
import { readIfThere } from "../../host/text-files.ts";
import { failure } from "../../run/failures/table.ts";
import { fileFailure } from "../../run/file-failure.ts";
import type { Work } from "../command-request.ts";
import { type GatheredSettings, ofStack } from "../gather-settings.ts";
import { chooseStack } from "../stack/choose-stack.ts";
import { writeOwnFile } from "./write-own-file.ts";

export interface ExportComposeRequest {
  readonly settings: GatheredSettings;
  /** Absolute. */
  readonly out: string;
}

/**
 * `heros export compose`: the stack as one file. No value of `.env` is in it.
 * @returns the lines of the closing page
 * @throws Failure `stack.…` (1, 2), `export.…` (1, 2, 4), `disk.…`
 */
export async function exportCompose(
  given: Work,
  request: ExportComposeRequest,
): Promise<readonly string[]> {
  const settings = await chooseStack(given, request.settings);
  const work = ofStack(given, settings);
  const { stackDir } = settings;
  const { out } = request;
  if (!(await isSetUp(work.host, stackDir))) {
    throw failure("stack.folder_missing", { needs: "stack", folder: stackDir });
  }
  const { text, variables, openSecrets } = await merge(work, stackDir).catch((error: unknown) => {
    throw fileFailure(error, { folder: stackDir, area: "stack" }) ?? error;
  });
  const needed =
    variables.length === 0
      ? ""
      : `# It needs these variables, from .env beside it or from the shell: ${variables.join(", ")}\n`;
  const preface = `# Written by \`heros export compose\`, which rewrites it.\n${needed}`;
  const isOpen = openSecrets.length > 0;
  await writeOwnFile(work, { file: out, text: `${preface}${text}`, mode: isOpen ? 0o600 : 0o644 });
  if (isOpen) {
    work.emit({
      type: "notice",
      level: "warning",
      code: "export.open_secret",
      message: `The stack's compose files hold values that look like secrets, and so does this one: ${openSecrets.join(", ")}.`,
      hint: "Move them into .env, and name the variable instead.",
    });
  }
  return [
    `The stack as one file: ${path.relative(work.host.cwd, out) || out}`,
    ...(variables.length === 0
      ? []
      : [`It needs ${variables.join(", ")}, which stay in ${path.join(stackDir, ".env")}.`]),
  ];
}

async function merge(work: Work, stackDir: string): Promise<OneFile> {
  const { host } = work;
  const env = await readStackEnv(host, stackDir);
  const ours = path.join(stackDir, herosFile);
  const composeFiles = await findComposeFiles(host, env, await readIfThere(host, ours));
  const names = [...composeFiles.own, ours];
  const files = await Promise.all(
    names.map(async (name): Promise<ComposeText> => {
      const file = path.resolve(stackDir, name);
      const text = await readIfThere(host, file);
      if (text !== null) return { path: file, text };
      throw failure("stack.base_invalid", {
        problem: `${file} does not exist, but the stack is made of it`,
        remedy: "Restore the file, or run heros setup again.",
      });
    }),
  );
  const project = projectFolder(stackDir, composeFiles);
  const projectName = envValue(env.entries, "COMPOSE_PROJECT_NAME") || null;
  const folders = { project, home: host.home };
  if (!reachesOut(files)) return oneFile({ files, folders, projectName });
  const merged = await askCompose(work, stackDir, files);
  return oneFile({ files: [{ path: stackDir, text: merged }], folders, projectName });
}

/** Of files that take something from others. @throws Failure `export.needs_compose` (4), `stack.base_invalid` (2) */
async function askCompose(
  { host, signal }: Work,
  stackDir: string,
  files: readonly ComposeText[],
): Promise<string> {
  const { exitCode, stdout, stderr, missing } = await runCompose({
    host,
    stackDir,
    args: [
      "--profile",
      "*",
      ...files.flatMap((file) => ["-f", file.path]),
      "config",
      "--no-interpolate",
    ],
    signal,
    timeoutMs: 30_000,
  });
  if (missing) throw failure("export.needs_compose", { why: "docker is not installed" });
  const said = redactComposeOutput(lastLine(stderr));
  if (exitCode !== 0) throw failure("export.needs_compose", { why: said || "it did not answer" });
  return stdout;
}
