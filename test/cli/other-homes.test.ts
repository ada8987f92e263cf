import { expect, test } from "vitest";
import { withOtherHomes } from "../../src/cli/host-facts.ts";
import { makeSandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

test("~name is that user's home folder, and ~ alone is left to whoever knows it", async () => {
  await using sandbox = await makeSandbox();
  const passwd = await sandbox.file(
    "passwd",
    "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/srv/ann:/bin/sh\n",
  );
  const given = { HF_HUB_CACHE: "~root/x", HF_HOME: "~ann", HF_TOKEN_PATH: "~/t", PATH: "~root" };
  expect(withOtherHomes(given, passwd)).toEqual({
    HF_HUB_CACHE: "/root/x",
    HF_HOME: "/srv/ann",
    HF_TOKEN_PATH: "~/t",
    PATH: "~root",
  });
});

test("a user who is not there is said", async () => {
  await using sandbox = await makeSandbox();
  const env = { HF_HUB_CACHE: "~nobody-of-that-name/x" };
  const run = await sandbox.run(["models", "ls", "--json"], { env });
  expect(failureOf(run)).toMatchObject({ code: "settings.bad_value", exitCode: 2 });
});
