import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { TimedEvent } from "../../src/run/event.ts";

const heros = fileURLToPath(new URL("../../bin/heros.js", import.meta.url));

/**
 * The JSON lines of a `heros setup --demo` by the built program. What differs from machine to machine is replaced:
 * folders, addresses, ports.
 */
export async function recordDemo(args: readonly string[]): Promise<string[]> {
  const command = [heros, "setup", "--demo", "--yes", "--json", ...args];
  const { stdout } = await promisify(execFile)(process.execPath, command);
  const lines = stdout.trim().split("\n");
  const events = lines.map((line) => JSON.parse(line) as TimedEvent);
  const online = events.find((event) => event.type === "annie.online");
  const port = new URL(online?.url ?? "http://localhost").port;
  return lines.map((line) =>
    line
      .replaceAll(/\/[^"\s]*\/heros-demo-[^/"\s]+/g, "/tmp/heros-demo")
      .replaceAll(new RegExp(`\\b${port}\\b`, "g"), "8000")
      // What is left is the demo's Hub.
      .replaceAll(/127\.0\.0\.1:(?!8000\b)\d+/g, "127.0.0.1:9000")
      .replaceAll(/\S+ [^"\s]*bin\/heros\.js setup/g, "heros setup"),
  );
}
