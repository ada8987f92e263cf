import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { failureOf, openHosted } from "./wrong-input.ts";

const base = "services:\n  web:\n    image: web:1\n    environment: {DB: 'x:${DB_PASSWORD}'}\n";
const ours =
  "services:\n  web:\n    environment: {HF_HOME: /data}\n    volumes: [./models:/data]\n";

async function openStack() {
  const { sandbox } = await openHosted();
  const stackDir = join(sandbox.dir, "stack");
  await mkdir(stackDir);
  const put = (name: string, text: string) => sandbox.file(`stack/${name}`, text);
  await put("docker-compose.yml", base);
  await put("docker-compose.heros.yml", ours);
  await put(".env", "DB_PASSWORD=s3cret-of-the-db\n");
  const run = (...args: readonly string[]) =>
    sandbox.run(["export", "compose", "--stack-dir", stackDir, "--json", ...args]);
  return { sandbox, put, run };
}

it("writes a stack as one file without the values of .env, and rewrites its own", async () => {
  const { sandbox, put, run } = await openStack();
  await put("docker-compose.override.yml", "services: {web: {image: 'web:2'}}\n");
  const first = await run();
  expect({ exitCode: first.exitCode, stderr: first.stderr }).toEqual({ exitCode: 0, stderr: "" });
  const file = join(sandbox.dir, "docker-compose.export.yml");
  const text = await readFile(file, "utf8");
  expect(text).toContain("image: 'web:2'");
  expect(text).toContain(`${join(sandbox.dir, "stack", "models")}:/data`);
  expect(text).toContain("${DB_PASSWORD}");
  expect(text).toContain("# It needs these variables");
  expect(text).not.toContain("s3cret");
  expect((await stat(file)).mode & 0o777).toBe(0o644);
  const again = await run();
  expect(again.events()).toContainEqual(
    expect.objectContaining({ type: "file.written", path: file, action: "unchanged" }),
  );
});

it("says what is wrong and writes nothing", async () => {
  const { sandbox, put, run } = await openStack();
  const foreign = await sandbox.file("mine.yml", "services: {}\n");
  const closed = await sandbox.file("file", "");
  const cases: readonly [readonly string[], string, number][] = [
    [["--stack-dir", join(sandbox.dir, "none")], "stack.folder_missing", 1],
    [["--out", foreign], "export.foreign_file", 2],
    [["--out", join(closed, "x.yml")], "export.not_writable", 1],
    [["--out", sandbox.dir], "export.not_writable", 1],
    [["--out"], "usage.wrong", 2],
    [["more"], "usage.wrong", 2],
  ];
  for (const [args, code, exitCode] of cases) {
    const failed = failureOf(await run(...args));
    expect([args, failed.code, failed.exitCode]).toEqual([args, code, exitCode]);
  }
  await put("docker-compose.yml", "services: {web: {extends: {service: a, file: a.yml}}}\n");
  expect(failureOf(await run()).code).toBe("export.needs_compose");
  await put("docker-compose.yml", "services: [\n");
  expect(failureOf(await run()).code).toBe("stack.base_invalid");
  expect(await readFile(foreign, "utf8")).toBe("services: {}\n");
});
