import { describe, expect, it } from "vitest";
import { parseListeners } from "../../src/machine/port.ts";

describe("/proc/net/tcp", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41234 1 0000000000000000 100 0 0 10 0",
    "   1: 0100007F:1F40 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 41235 1 0000000000000000 20 4 30 10 -1",
    "   2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 9 1 0000000000000000 100 0 0 10 0",
  ].join("\n");

  it("names the sockets that listen, not those that are connected", () => {
    expect(parseListeners(table, 8000)).toEqual(["41234"]);
    expect(parseListeners(table, 80)).toEqual(["9"]);
    expect(parseListeners(table, 443)).toEqual([]);
  });
});
