import { expect, it } from "vitest";
import { addressText, parseListen } from "../../../src/commands/serve/listen-address.ts";

it.each([
  ["127.0.0.1:7171", "127.0.0.1", 7171, "machine"],
  ["localhost:80", "127.0.0.1", 80, "machine"],
  ["0.0.0.0:7171", "0.0.0.0", 7171, "network"],
  ["*:7171", "::", 7171, "network"],
  ["[::]:7171", "::", 7171, "network"],
  ["[::1]:0", "::1", 0, "machine"],
  ["192.168.1.20", "192.168.1.20", 7171, "network"],
  ["spark-1:8080", "spark-1", 8080, "network"],
  ["8080", "127.0.0.1", 8080, "machine"],
])("reads %s", (text, address, port, reach) => {
  expect(parseListen("--listen", text)).toEqual({ address, port, reach });
});

it.each([
  "",
  ":",
  "spark-1:",
  "spark-1:http",
  "1.2.3.4:65536",
  "http://spark-1",
  "a b:1",
  "::1:80",
])("refuses %j", (text) => {
  const refused = { code: "settings.bad_value", exitCode: 2 };
  expect(() => parseListen("--listen", text)).toThrow(expect.objectContaining(refused));
});

it("writes an address as clients type it", () => {
  expect(addressText({ address: "::1", port: 7171 })).toBe("[::1]:7171");
});
