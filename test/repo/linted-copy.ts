import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const root = fileURLToPath(new URL("../..", import.meta.url));
const report = z.object({
  diagnostics: z.array(z.object({ code: z.string(), message: z.string(), filename: z.string() })),
  number_of_files: z.number(),
});

export interface Finding {
  readonly rule: string;
  readonly message: string;
}

export interface LintedCopy {
  readonly fileCount: number;
  /** What the lint says of each file; a file without a fault is not there. */
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
}

/** Lints files in a temporary folder by this repository's own configuration. */
export async function lintCopy(files: ReadonlyMap<string, string>): Promise<LintedCopy> {
  const folder = await mkdtemp(join(tmpdir(), "heros-lint-"));
  try {
    for (const path of [".oxlintrc.json", "scripts/lint", "tsconfig.json", "package.json"]) {
      await cp(join(root, path), join(folder, path), { recursive: true });
    }
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    for (const [path, text] of files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const { diagnostics, number_of_files } = report.parse(JSON.parse(await oxlint(folder)));
    const findings = Map.groupBy(
      diagnostics.map(({ filename, code, message }) => ({ path: filename, rule: code, message })),
      ({ path }) => path,
    );
    return { fileCount: number_of_files, findings };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function oxlint(folder: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = [join(root, "node_modules/oxlint/bin/oxlint"), "-f", "json", "src"];
    const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      // Status 1 says that there are findings.
      if (error === null || error.code === 1) resolve(stdout);
      else reject(new Error(`oxlint failed: ${stdout}${stderr}`, { cause: error }));
    });
  });
}
