import type { Probe } from "../host/time-limit.ts";
import type { PortAnswer, PortOwner } from "../machine/port.ts";
import { failure } from "../run/failures/table.ts";
import { quoted } from "../run/shell-quote.ts";
import { type Finding, lateFinding } from "./finding.ts";

export function assessPort(
  port: number,
  answer: PortAnswer,
  { limitMs }: Pick<Probe, "limitMs">,
): Finding {
  switch (answer.state) {
    case "late":
      return lateFinding({ limitMs }, `port ${port}`);
    case "free":
      return { status: "ok", found: `port ${port} is free` };
    case "taken":
      return assessOwner(port, answer);
  }
}

function assessOwner(
  port: number,
  { owner, other }: Extract<PortAnswer, { state: "taken" }>,
): Finding {
  const words = ownerWords(owner);
  if (words !== null) {
    const remedy = portRemedy({ ...words, other });
    const { by } = words;
    const found = `port ${port} is in use by ${by}`;
    const reason = failure("port.taken", { from: "check", port, by, remedy });
    return { status: "failed", found, remedy, failure: reason };
  }
  return {
    status: "ok",
    found:
      owner.kind === "stack"
        ? `port ${port}: {assistant} is already running there`
        : `port ${port} is used by the stack that is already running`,
  };
}

/** Who has a port, and what frees it; null where it is the stack's own. */
export function ownerWords(owner: PortOwner): { by: string; stop: string | null } | null {
  switch (owner.kind) {
    case "our-stack":
    case "stack":
      return null;
    case "container": {
      const { name, project, projectDir, isRunning = true } = owner;
      const stack = project === null ? "" : ` of the stack ${project}`;
      const folder = projectDir === null ? "" : `${project === null ? " of" : " in"} ${projectDir}`;
      const by = `the ${isRunning ? "" : "stopped "}container ${name}${stack}${folder}`;
      return { by, stop: `docker stop ${quoted(name)}` };
    }
    case "process":
      return {
        by: `${owner.name} (PID ${owner.pid})`,
        // Process 1 is the system itself, which listens for services that it starts.
        stop: owner.pid === 1 ? null : `kill ${owner.pid}`,
      };
    case "unknown":
      return { by: "another program", stop: null };
  }
}

interface PortWays {
  /** Null where nobody knows who has it. */
  readonly stop: string | null;
  /** A free one; null where none is near. */
  readonly other: number | null;
  /** How the stack gets another one; left out where heros gives it. */
  readonly change?: string | null;
}

/** What to do about a port that is taken, as the rest of a sentence. */
export function portFix({ stop, other, change = null }: PortWays): string {
  const elsewhere =
    change ?? (other === null ? null : `use another port (heros setup --port ${other})`);
  const ways = [stop === null ? null : `stop it (${stop})`, elsewhere].filter(
    (way) => way !== null,
  );
  return ways.length === 0 ? "find the program that uses it (sudo ss -ltnp)" : ways.join(", or ");
}

function portRemedy(ways: PortWays): string {
  const fix = portFix(ways);
  return `${fix.charAt(0).toUpperCase()}${fix.slice(1)}.`;
}
