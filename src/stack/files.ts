import type { Host } from "../host/host.ts";

/** A file's text, or null where there is none. Any other error is the caller's. */
export async function readIfThere(host: Host, path: string): Promise<string | null> {
  try {
    return await host.files.readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** The system's name of an error: `EACCES`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}
