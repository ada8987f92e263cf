import { describe, expect, it } from "vitest";
import { failure } from "../../src/run/failures/table.ts";
import { diskFailure, fileFailure } from "../../src/run/file-failure.ts";

/** As Node throws it. */
function nodeError(code: string, more: object = {}): Error {
  return Object.assign(new Error(`${code}: as Linux says it, write`), { code, ...more });
}

/** As Node throws what Linux knows and libuv has no name for. */
function namelessError(number: number): Error {
  const code = `Unknown system error -${number}`;
  return Object.assign(new Error(`${code}: ${code}, write`), { code, errno: -number });
}

const cache = { folder: "/data/hub", area: "cache" } as const;
const stack = { folder: "/srv/her-os", area: "stack" } as const;

describe("an error of the file system", () => {
  it.each([
    [nodeError("ENOSPC"), "disk.full", 7],
    [nodeError("EDQUOT"), "disk.quota", 7],
    [namelessError(122), "disk.quota", 7],
    [nodeError("EFBIG"), "disk.file_too_large", 7],
    [nodeError("EIO"), "disk.failing", 1],
    [namelessError(117), "disk.failing", 1],
    [namelessError(121), "disk.failing", 1],
    [nodeError("EROFS"), "disk.read_only", 1],
    [namelessError(116), "disk.gone", 1],
    [nodeError("ENODEV"), "disk.gone", 1],
    [nodeError("ENOTCONN"), "disk.gone", 1],
    [nodeError("EMFILE"), "files.too_many_open", 1],
    [nodeError("ENFILE"), "files.too_many_open", 1],
    [nodeError("EMFILE", { syscall: "connect" }), "files.too_many_open", 1],
    [nodeError("ENAMETOOLONG"), "path.too_long", 1],
    [nodeError("EOPNOTSUPP"), "disk.unsupported", 1],
    [nodeError("ENOSYS"), "disk.unsupported", 1],
  ])("%s is %s, wherever it happens", (error, code, exitCode) => {
    for (const found of [
      fileFailure(error, cache),
      fileFailure(error, stack),
      diskFailure(error),
    ]) {
      expect(found).toMatchObject({ code, exitCode, cause: error });
      expect(found?.formHint).not.toMatch(/--[a-z]|HEROS_|HF_/);
    }
  });

  it.each([
    "EACCES",
    "EPERM",
    "ENOTDIR",
    "EEXIST",
    "EISDIR",
    "ERR_FS_EISDIR",
    "ENOTEMPTY",
    "ELOOP",
  ])("%s is told with the path of the error, of the models or of Annie's files", (code) => {
    const error = nodeError(code, { path: "/data/hub/from", dest: "/data/hub/a b/blob" });
    expect(fileFailure(error, cache)).toMatchObject({
      code: "cache.not_writable",
      exitCode: 1,
      message: expect.stringContaining("/data/hub/a b/blob") as string,
      hint: expect.stringContaining("ls -ld '/data/hub/a b/blob'") as string,
    });
    expect(fileFailure(error, stack)).toMatchObject({ code: "stack.not_writable" });
    expect(diskFailure(error)).toBeNull();
  });

  it.each([
    new Error("no code"),
    nodeError("ENOENT"),
    nodeError("ECONNRESET"),
    nodeError("EACCES", { syscall: "connect" }),
    nodeError("ENOTCONN", { syscall: "shutdown" }),
  ])("is not taken for one: %s", (error) => {
    expect(fileFailure(error, cache)).toBeNull();
  });
});

describe("the advice for a folder that may not be written to", () => {
  it.each([
    ["/home/ann/.cache/hub", "/home/ann/.cache", 'sudo chown "$USER" /home/ann/.cache'],
    ["/home/ann/her-os", "/home/ann/her-os", 'sudo chown "$USER" /home/ann/her-os'],
    ["/mnt/hub", "/mnt", 'sudo mkdir -p /mnt/hub && sudo chown "$USER" /mnt/hub'],
    ["/hub", "/", 'sudo mkdir -p /hub && sudo chown "$USER" /hub'],
    [
      "/usr/local",
      "/usr/local",
      'sudo mkdir -p /usr/local/stack && sudo chown "$USER" /usr/local/stack, and use /usr/local/stack',
    ],
    [
      "/srv/it's big",
      "/srv",
      String.raw`sudo mkdir -p '/srv/it'\''s big' && sudo chown "$USER" '/srv/it'\''s big'`,
    ],
  ])(
    "%s below %s takes nothing from its owner but a folder of the user's",
    (folder, existing, fix) => {
      const { hint, formHint } = failure("stack.not_writable", {
        why: "closed",
        folder,
        existing,
        home: "/home/ann",
      });
      expect(hint).toContain(`Fix: ${fix}.`);
      expect(hint).toContain("--stack-dir");
      expect(formHint).not.toContain("--");
      expect(hint).not.toMatch(/chown -R|\/usr\/local(?:'| |$)/);
    },
  );

  it.each([
    ["/hub", "/", "/"],
    ["/usr/local", "/usr/local", "/"],
    ["/usr/local", "/usr/local", ""],
    ["/usr/sbin/x", "/usr/sbin/x", "/usr/sbin"],
    ["/home/bob", "/home/bob", "/home"],
    ["/home/ann", "/home/ann", "/home/ann"],
    ["/home/ann/.cache/hub", "/home/ann", "/home/ann"],
  ])("%s below %s with the home %s takes no folder that is there", (folder, existing, home) => {
    const { hint } = failure("cache.not_writable", { why: "closed", folder, existing, home });
    const made = folder === existing ? `${existing}/models` : folder;
    expect(hint).toContain(`Fix: sudo mkdir -p ${made} && sudo chown "$USER" ${made}`);
  });
});
