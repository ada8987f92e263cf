import path from "node:path";

/** Where a token is kept that the person chose to keep. */
export function keptTokenFile(stackDir: string): string {
  return path.join(stackDir, "secrets", "hf_token");
}
