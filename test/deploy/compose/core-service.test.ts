import { herOs } from "../../her-os.ts";
import path from "node:path";
import { expect, test } from "vitest";
import { stackPlace } from "../../../src/deploy/compose/core-service.ts";
import { start } from "../../docker/fake-docker.ts";
import { minimalBase, newStackDir, testHost } from "./fixtures.ts";
import { hostWith } from "./validated-base.ts";

const at = (port: object) => ({ annie: { ports: [{ target: 8000, protocol: "tcp", ...port }] } });

test.each([
  ["as asked", at({ published: "9000" }), { host: "127.0.0.1", port: 9000, portIgnored: false }],
  ["9123:8000", at({ published: "9123" }), { host: "127.0.0.1", port: 9123, portIgnored: true }],
  [
    "an address of its own",
    at({ published: "9000", host_ip: "10.0.0.5" }),
    { host: "10.0.0.5", port: 9000, portIgnored: false },
  ],
  [
    "every address",
    at({ published: "9000", host_ip: "0.0.0.0" }),
    { host: "127.0.0.1", port: 9000, portIgnored: false },
  ],
  [
    "IPv6",
    at({ published: "9000", host_ip: "fd00::7" }),
    { host: "[fd00::7]", port: 9000, portIgnored: false },
  ],
  ["Docker's choice", at({}), { host: "127.0.0.1", port: 9000, portIgnored: true }],
  ["nothing", { annie: {} }, { host: "127.0.0.1", port: 9000, portIgnored: false }],
  [
    "UDP alone",
    at({ published: "9", protocol: "udp" }),
    { host: "127.0.0.1", port: 9000, portIgnored: false },
  ],
  [
    "the machine's network",
    { annie: { network_mode: "host" } },
    { host: "127.0.0.1", port: 8000, portIgnored: true },
  ],
] as const)(
  "where Annie answers is what compose publishes, asked for 9000: %s",
  async (_what, said, expected) => {
    const stackDir = await newStackDir({ "docker-compose.yml": minimalBase });
    expect(await stackPlace(await hostWith(said), herOs.stack, stackDir, 9000)).toEqual(expected);
  },
);

test("without a folder, or a compose, it is what was asked for or what .env says", async () => {
  const none = testHost({ PATH: "/nonexistent" });
  const stackDir = await newStackDir({ ".env": "HER_OS_PORT=8123\n" });
  expect(await stackPlace(none, herOs.stack, stackDir, null)).toMatchObject({ port: 8123 });
  expect(await stackPlace(none, herOs.stack, path.join(stackDir, "gone"), 9000)).toMatchObject({
    port: 9000,
  });
});

test("a port that Docker chose is asked for once she runs", async () => {
  const { address } = await start(
    "",
    `case "$*" in
*" config "*) echo '{"services":{"her-os-core":{"ports":[{"target":8000}]}}}'; exit ;;
*" port her-os-core 8000") echo 0.0.0.0:32768; exit ;;
esac`,
  );
  expect(address).toEqual({ host: "127.0.0.1", port: 32768 });
});
