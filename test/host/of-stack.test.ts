import { expect, test } from "vitest";
import { ofStack } from "../../src/commands/gather-settings.ts";
import type { Work } from "../../src/commands/command-request.ts";
import { realHost } from "../../src/host/real-host.ts";
import { herOs } from "../her-os.ts";

test("a stack's own .env says its port, and not what the shell says", async () => {
  const { pid, platform, arch } = process;
  const env = { PATH: process.env["PATH"], HER_OS_PORT: "9", KEPT: "kept" };
  const host = realHost({ env, home: "/", cwd: "/", pid, platform, nodeArch: arch });
  const own = ofStack({ host } as unknown as Work, { catalog: herOs });
  expect(own.host.env["HER_OS_PORT"]).toBeUndefined();
  const { stdout } = await own.host.processes.run({
    command: "sh",
    args: ["-c", "echo [$HER_OS_PORT]$KEPT"],
  });
  expect(stdout.trim()).toBe("[]kept");
});
