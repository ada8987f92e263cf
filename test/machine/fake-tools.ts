import { writeFile } from "node:fs/promises";
import path from "node:path";

export interface ToolOutput {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exitCode?: number;
}

/** A tool that never answers. Its process number goes to the file. */
export interface HungTool {
  readonly pidFile: string;
}

/** Puts a small executable into a folder of the PATH. `forms`: other answers, by the words that the arguments begin with. */
export async function installTool(
  bin: string,
  name: string,
  answer: ToolOutput | HungTool,
  forms: Readonly<Record<string, ToolOutput | HungTool>> = {},
): Promise<void> {
  const cases = await Promise.all(
    Object.entries(forms).map(
      async ([words, form], index) =>
        `"${words}"*) ${await command(bin, `${name}.${index}`, form)} ;;`,
    ),
  );
  const last = `*) ${await command(bin, name, answer)} ;;`;
  const script = `#!/bin/sh\ncase "$*" in\n${[...cases, last].join("\n")}\nesac\n`;
  await writeFile(path.join(bin, name), script, { mode: 0o755 });
}

async function command(bin: string, name: string, answer: ToolOutput | HungTool): Promise<string> {
  if ("pidFile" in answer) return `echo $$ > '${answer.pidFile}'; exec /bin/sleep 3600`;
  const { stdout = "", stderr = "", exitCode = 0 } = answer;
  const [out, err] = [path.join(bin, `${name}.out`), path.join(bin, `${name}.err`)];
  await Promise.all([writeFile(out, stdout), writeFile(err, stderr)]);
  return `/bin/cat '${out}'; /bin/cat '${err}' >&2; exit ${exitCode}`;
}
