import { describe, expect, test } from "vitest";
import { Failure } from "../../src/run/failure.ts";
import { addressArguments, addressWords, parseSshAddress } from "../../src/ssh/address.ts";

describe("an address is read as ssh reads it", () => {
  test.each([
    ["spark-2", "spark-2", null, null],
    ["ann@spark-2", "spark-2", "ann", null],
    ["ann@spark-2:2222", "spark-2", "ann", 2222],
    ["ssh://ann@spark-2:2222", "spark-2", "ann", 2222],
    ["ssh://spark-2/", "spark-2", null, null],
    ["ann@192.168.1.7", "192.168.1.7", "ann", null],
    ["ann@fe80::1%eth0", "fe80::1%eth0", "ann", null],
    ["::1", "::1", null, null],
    ["ann@[fe80::1]:2222", "fe80::1", "ann", 2222],
    ["ssh://[::1]", "::1", null, null],
    ["ann@corp.com@spark.local", "spark.local", "ann@corp.com", null],
    ["CORP\\ann@spark", "spark", "CORP\\ann", null],
    ["my_alias", "my_alias", null, null],
  ])("%s", (typed, host, user, port) => {
    expect(parseSshAddress(typed)).toEqual({ typed, host, user, port });
  });
});

test("what ssh or a shell would take for more than a name is refused", () => {
  for (const typed of [
    "",
    "@",
    "ann@",
    "-oProxyCommand=touch /tmp/x",
    "-oProxyCommand=id",
    "ann@-oProxyCommand=id",
    "-l@spark",
    "ssh://-oProxyCommand=id",
    "ssh://ann@-v:22",
    "spark;id",
    "spark`id`",
    "$(id)@spark",
    "ann@spark id",
    "ann@spark\nid",
    "ann@spark\u0000",
    "spark:/data",
    "ann@spark:data",
    "ann@spark:0",
    "ann@spark:65536",
    "ann@spark:22x",
    "ann@spark:",
    "ssh://ann:secret@spark",
    "ann:secret@spark",
    "ssh://",
    "https://spark",
    "[]",
    "[::1",
    "spark'",
    'spark"',
    "..",
  ]) {
    expect(() => parseSshAddress(typed), typed).toThrow(Failure);
  }
});

test("ssh gets no option out of an address, and a person the words to type", () => {
  const address = parseSshAddress("ssh://ann@spark-2:2222");
  expect(addressArguments(address)).toEqual(["-p", "2222", "-l", "ann", "--", "spark-2"]);
  expect(addressWords(address)).toBe("-p 2222 ann@spark-2");
  expect(addressArguments(parseSshAddress("spark-2"))).toEqual(["--", "spark-2"]);
});
