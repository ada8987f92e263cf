import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { putFiles } from "../../../src/commands/push/put-files.ts";
import { localConnection } from "../../ssh/local-connection.ts";
import { makeScene } from "./there.ts";

test("a file that is not there is made, one that differs stays, and may be overwritten", async () => {
  const { work, events, home } = await makeScene();
  const connection = localConnection(home);
  const file = { path: join(home, "a b/it's.json"), content: "one\n", isPrivate: true };
  const put = (content: string, overwrite = false) =>
    putFiles(work, { connection, files: [{ ...file, content }], overwrite });
  expect(await put("one\n")).toEqual([]);
  expect(await readFile(file.path, "utf8")).toBe("one\n");
  expect((await stat(file.path)).mode & 0o777).toBe(0o600);
  expect(await put("one\n")).toEqual([]);
  expect(await put("two\n")).toHaveLength(1);
  expect(await readFile(file.path, "utf8")).toBe("one\n");
  expect(await put("two\n", true)).toEqual([]);
  expect(await readFile(file.path, "utf8")).toBe("two\n");
  const place = `spark-2:${file.path}`;
  expect(events).toEqual(
    ["created", "unchanged", "updated"].map((action) => ({
      type: "file.written",
      path: place,
      action,
    })),
  );
  expect(await readdir(join(home, "a b"))).toEqual(["it's.json"]);
});

test("where it can't be written, the other machine's words say so", async () => {
  const { work, home } = await makeScene();
  await writeFile(join(home, "file"), "");
  const files = [{ path: join(home, "file/x"), content: "", isPrivate: false }];
  const asked = { connection: localConnection(home), files, overwrite: true };
  await expect(putFiles(work, asked)).rejects.toMatchObject({ code: "push.failed_there" });
  await mkdir(join(home, "folder"));
});
