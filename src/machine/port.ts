import { exitCodes, Failure } from "../progress/failure.ts";
import type { PortFound } from "../progress/events/machine.ts";
import { quoted } from "../progress/shell.ts";
import type { Finding } from "./finding.ts";
import { askPortOwner, type PortOwner } from "./port-owner.ts";
import { late, lateText, withinLimit, type Probe } from "./time-limit.ts";

export interface PortAnswer {
  readonly port: PortFound;
  readonly finding: Finding;
}

/** Whether Annie can have the port, or has it already. */
export async function askPort(
  probe: Probe,
  { port, projectDir }: { readonly port: number; readonly projectDir: string },
): Promise<PortAnswer> {
  const { network } = probe.host;
  const free = await withinLimit(probe, () => network.portIsFree(port));
  if (free === late) {
    return {
      port: { port, free: false },
      finding: { status: "warning", found: `port ${port}: ${lateText(probe)}` },
    };
  }
  if (free)
    return { port: { port, free }, finding: { status: "ok", found: `port ${port} is free` } };
  const [owner, other] = await Promise.all([
    askPortOwner(probe, { port, projectDir }),
    findFreePort(probe, port),
  ]);
  return { port: { port, free }, finding: judgePort(port, owner, other) };
}

/** The next free port above, so that the hint is a command that works; null where none is near. */
async function findFreePort({ host, signal }: Probe, port: number): Promise<number | null> {
  const last = Math.min(port + 20, 65_535);
  for (let candidate = port + 1; candidate <= last; candidate += 1) {
    signal.throwIfAborted();
    if (await host.network.portIsFree(candidate)) return candidate;
  }
  return null;
}

export function judgePort(port: number, owner: PortOwner, other: number | null): Finding {
  switch (owner.kind) {
    case "our-stack":
      return { status: "ok", found: `port ${port} belongs to the stack that runs already` };
    case "annie":
      return { status: "ok", found: `port ${port}: Annie answers there already` };
    case "container": {
      const { name, projectDir } = owner;
      const from = projectDir === null ? "" : ` of ${projectDir}`;
      return taken(port, other, {
        by: `the container ${name}${from}`,
        stop: `docker stop ${quoted(name)}`,
      });
    }
    case "process":
      return taken(port, other, {
        by: `${owner.name} (process ${owner.pid})`,
        stop: `kill ${owner.pid}`,
      });
    case "unknown":
      return taken(port, other, { by: "another program", stop: null });
  }
}

function taken(
  port: number,
  other: number | null,
  { by, stop }: { readonly by: string; readonly stop: string | null },
): Finding {
  const elsewhere = other === null ? null : `heros setup --port ${other}`;
  const ways = [
    ...(stop === null ? [] : [`stop it (${stop})`]),
    ...(elsewhere === null ? [] : [`take another port (${elsewhere})`]),
  ];
  const sentence = ways.length === 0 ? `see who has it (sudo ss -ltnp)` : ways.join(", or ");
  const remedy = `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`;
  return {
    status: "failed",
    found: `port ${port} is taken by ${by}`,
    remedy,
    failure: new Failure({
      code: "port.taken",
      message: `Port ${port}, where Annie answers, is taken by ${by}.`,
      hint: remedy,
      exitCode: exitCodes.machine,
    }),
  };
}
