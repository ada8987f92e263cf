import type { Host } from "../../host/host.ts";
import { readIfThere, whyUnreadable } from "../../host/text-files.ts";
import { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { readComposeYaml } from "./compose-yaml.ts";

/**
 * The text that a new stack begins with.
 * @throws Failure `stack.base_invalid` (exit 2) where the catalog names a file that is not there, or is no compose file
 */
export async function readNewBase(host: Pick<Host, "files">, file: string): Promise<string> {
  const invalid = (problem: string, remedy: string, cause?: unknown) =>
    failure(
      "stack.base_invalid",
      { problem, remedy: `${remedy}, or correct stack.base in the catalog.` },
      cause,
    );
  const text = await readIfThere(host, file).catch((cause: unknown) => {
    const problem = `Can't read ${file}, the stack's base in the catalog: ${whyUnreadable(cause)}`;
    throw invalid(problem, "Check the path and the permissions", cause);
  });
  if (text === null) {
    const problem = `${file} does not exist, but the catalog names it as the stack's base`;
    throw invalid(problem, "Restore the file");
  }
  try {
    readComposeYaml({ path: file, text });
  } catch (cause) {
    if (!(cause instanceof Failure) || cause.code !== "stack.base_invalid") throw cause;
    throw invalid(cause.message.replace(/\.$/, ""), "Fix the file", cause);
  }
  return text;
}
