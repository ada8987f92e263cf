import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { shellCommand, shellWord } from "../../src/ssh/shell-command.ts";

const run = promisify(execFile);
const strange = "a b'c\"d$e`f\\g!h\ni\tä%s%%\\n*?~;&|<>(){}[]#=";

/** Login shells that this machine has. */
const shells = ["sh", "dash", "bash", "zsh", "fish", "csh", "tcsh", "mksh", "busybox"].filter(
  (name) => ["/bin", "/usr/bin"].some((folder) => existsSync(`${folder}/${name}`)),
);

test.each(shells)("%s hands a script and its values to sh as they are", async (shell) => {
  const script = `
for each in "$one" "$two"; do
printf "[%s]" "$each"; done;
[ "$1" = "" ] && echo " end"
`;
  const command = shellCommand(script, { one: strange, two: "plain/path-1.0" });
  const args = shell === "busybox" ? ["sh", "-c", command] : ["-c", command];
  const { stdout } = await run(shell, args);
  expect(stdout).toBe(`[${strange}][plain/path-1.0] end\n`);
});

test("what some shell would read in its own way is refused", () => {
  for (const script of ["echo 'a'", "echo $!", "echo \\\\", "echo \\"]) {
    expect(() => shellCommand(script), script).toThrow("no command for every shell");
  }
});

test("an empty word stays a word", () => {
  expect(shellWord("")).not.toBe("");
  expect(shellWord("-x")).toBe("-x");
});
