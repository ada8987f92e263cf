import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runHeros, type RunHeros } from "../../../src/commands/push/run-heros.ts";
import { Secret } from "../../../src/run/secret.ts";
import { localConnection } from "../../ssh/local-connection.ts";
import { makeScene, type Scene } from "./there.ts";

const line = (event: object) => JSON.stringify({ v: 1, at: 1, ...event });
const succeeded = line({
  type: "run.succeeded",
  command: "pull",
  elapsedMs: 1,
  summary: ["Done."],
});
const notice = line({ type: "notice", level: "info", code: "x", message: "hello" });

/** What is there in the place of heros: sh, with what it prints. */
function run({ work, home }: Scene, body: string, change: Partial<RunHeros> = {}) {
  return runHeros(work, {
    connection: localConnection(home),
    program: 'sh -c "$body" heros',
    words: [],
    values: { body },
    ...change,
  });
}

const printing = (...lines: string[]) =>
  lines.map((each) => `cat <<'EOF'\n${each}\nEOF\n`).join("");

test("its events are told here, with the machine's name, and its closing page is the result", async () => {
  const scene = await makeScene();
  const ended = line({ type: "download.finished", fetchedBytes: 5, elapsedMs: 1 });
  const body = printing("Welcome!", notice, ended, succeeded);
  const tells = () => true;
  expect(await run(scene, body, { tells })).toEqual(["Done."]);
  expect(scene.events).toEqual([
    { type: "notice", level: "info", code: "x", message: "spark-2: hello" },
    { type: "download.finished", fetchedBytes: 5, elapsedMs: 1 },
  ]);
});

test("arguments arrive as they are, and a token in the environment alone", async () => {
  const scene = await makeScene();
  const body = `printf "%s|" "$HF_TOKEN" "$OTHER" "$@" >"$HOME/got"; tr "\\0" " " </proc/$$/cmdline >>"$HOME/got"; ${printing(succeeded)}`;
  const words = ["--catalog", "/a b/it's.yaml", "$(id)", ""];
  const secrets = { HF_TOKEN: new Secret("one-time"), OTHER: new Secret('{"a": "$b `c`\\\\"}') };
  await run(scene, body, { words, secrets });
  const got = await readFile(join(scene.home, "got"), "utf8");
  expect(got.startsWith('one-time|{"a": "$b `c`\\\\"}|--catalog|/a b/it\'s.yaml|$(id)||')).toBe(
    true,
  );
  expect(got.split("|").at(-1)).not.toContain("one-time");
});

test("a failure there is the same failure here", async () => {
  const scene = await makeScene();
  const failed = line({
    type: "run.failed",
    code: "disk.too_small",
    message: "The disk is too small.",
    hint: "Free some space.",
    exitCode: 7,
  });
  await expect(run(scene, `${printing(failed)} exit 7`)).rejects.toMatchObject({
    code: "disk.too_small",
    message: "On spark-2: The disk is too small.",
    hint: "On spark-2: Free some space.",
    exitCode: 7,
  });
});

test("who ends without a closing record failed, whatever they said", async () => {
  const scene = await makeScene();
  const cases = [
    ["exit 0", "status 0"],
    ["echo 'no such thing' >&2; exit 127", "no such thing"],
    [`${printing(succeeded)} exit 1`, "status 1"],
    [printing(line({ type: "run.succeeded", summary: 5 })), "status 0"],
    [printing(line({ type: "run.failed", code: "x", message: "x", hint: "", exitCode: 99 })), "0"],
  ] as const;
  for (const [body, words] of cases) {
    await expect(run(scene, body)).rejects.toMatchObject({
      code: "push.failed_there",
      message: expect.stringContaining(words) as string,
    });
  }
  await expect(run(scene, "echo 'tar: No space left on device' >&2; exit 2")).rejects.toMatchObject(
    {
      exitCode: 7,
    },
  );
});

test("a hostile machine can't send a line without an end", async () => {
  const scene = await makeScene();
  const endless = `printf '{"v":1,"at":1,"type":"notice","message":"'; exec cat /dev/zero`;
  await expect(run(scene, endless)).rejects.toMatchObject({ code: "push.failed_there" });
});

test("when it is stopped here, it ends there too, after it has put away what it has", async () => {
  const scene = await makeScene();
  const body = `
trap 'sleep 0.2; touch "$HOME/tidied"; exit 130' TERM
${printing(notice)}
while :; do sleep 0.05; done`;
  const tells = () => {
    scene.stop.abort();
    return false;
  };
  await expect(run(scene, body, { tells })).rejects.toMatchObject({ name: "AbortError" });
  await expect
    .poll(() =>
      access(join(scene.home, "tidied")).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
});
