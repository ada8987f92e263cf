import { realProcesses } from "../../src/host/processes.ts";
import { parseSshAddress } from "../../src/ssh/address.ts";
import { bounds, type Connection } from "../../src/ssh/connection.ts";
import { shellCommand } from "../../src/ssh/shell-command.ts";

/** As if this machine, with another home folder, were at the other end of an ssh connection: the scripts are the same, and its shell is sh. */
export function localConnection(
  home: string,
  env: Readonly<Record<string, string>> = {},
): Connection {
  const processes = realProcesses({ PATH: process.env["PATH"], HOME: home, ...env });
  return {
    address: parseSshAddress("ann@spark-2"),
    run: ({ script, values, ...run }) =>
      processes.run({
        ...run,
        ...bounds,
        command: "sh",
        args: ["-c", shellCommand(script, values)],
        cwd: home,
      }),
    forward: () => Promise.reject(new Error("nobody asks")),
    close: () => Promise.resolve(),
  };
}
