import { exitCodes, Failure } from "../progress/failure.ts";
import { errorCode } from "./files.ts";

/** The stack's folder can't be written. `fileInTheWay` is what stands where the folder, or one above it, should be. */
export function notWritable(stackDir: string, cause: unknown, fileInTheWay?: string): Failure {
  const code = errorCode(cause);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new Failure({
      code: "stack.disk_full",
      message: `There is no space left to write Annie's files in ${stackDir}.`,
      hint: "Make room on that disk, then run heros setup again.",
      exitCode: exitCodes.disk,
      cause,
    });
  }
  const inTheWay = fileInTheWay ?? (code === "ENOTDIR" || code === "EEXIST" ? stackDir : undefined);
  return new Failure({
    code: "stack.not_writable",
    message:
      inTheWay === undefined
        ? `Annie's files can't be written in ${stackDir}${code === undefined ? "" : ` (${reasons[code] ?? code})`}.`
        : `Annie's files can't be written in ${stackDir}: ${inTheWay} is a file, not a folder.`,
    hint:
      inTheWay === undefined && (code === "EACCES" || code === "EPERM")
        ? `Make the folder yours with: sudo chown -R "$USER" ${stackDir} — or choose another with --stack-dir.`
        : "Choose another folder with --stack-dir.",
    exitCode: exitCodes.failed,
    cause,
  });
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "the disk is read-only",
  ELOOP: "links that lead in a circle",
  EISDIR: "a folder stands where a file should be",
};
