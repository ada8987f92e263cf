import type { Files } from "../host/host.ts";
import { errorCode } from "../run/error-code.ts";

/** Makes something in a folder which another heros may have removed as empty a moment ago. */
export async function inFolder<Result>(
  files: Pick<Files, "mkdir">,
  folder: string,
  make: () => Promise<Result>,
): Promise<Result> {
  try {
    return await make();
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
  await files.mkdir(folder, { recursive: true });
  return make();
}
