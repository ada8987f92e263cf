import { access } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeSandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

test("heros push refuses what is wrong before it connects", async () => {
  await using sandbox = await makeSandbox();
  await sandbox.command("ssh", 'echo >"$HOME/asked"; exit 255');
  for (const [args, code] of [
    [[], "usage.wrong"],
    [["-oProxyCommand=touch pwned"], "usage.wrong"],
    [["--", "-oProxyCommand=touch pwned"], "push.bad_address"],
    [["ssh://ann:secret@spark-2"], "push.bad_address"],
    [["spark-2", "no-such-model"], "models.unknown"],
    [["spark-2", "--all", "whisper-large-v3"], "usage.wrong"],
    [["spark-2", "whisper-large-v3"], "push.not_cached"],
    [["spark-2", "--limit-rate", "fast"], "settings.bad_value"],
  ] as const) {
    const run = await sandbox.run(["push", "--json", ...args]);
    const { message, exitCode, code: found } = failureOf(run);
    expect({ args, found, exitCode }).toEqual({ args, found: code, exitCode: 2 });
    expect(message).not.toContain("secret");
  }
  await expect(access(join(sandbox.home, "asked"))).rejects.toThrow("ENOENT");
});

test("without ssh, and without a reason of ssh's, it says so", async () => {
  await using sandbox = await makeSandbox();
  expect(failureOf(await sandbox.run(["push", "spark-2", "--json"]))).toMatchObject({
    code: "push.no_ssh",
    exitCode: 4,
  });
  await sandbox.command("ssh", "exit 255");
  expect(failureOf(await sandbox.run(["push", "spark-2", "--json"]))).toMatchObject({
    code: "push.unreachable",
    exitCode: 5,
  });
});
