import type { Probe } from "../host/time-limit.ts";
import { quoted } from "../run/shell-quote.ts";
import { failure } from "../run/failures/table.ts";
import type { PortAnswer } from "../machine/port.ts";
import type { EndpointAnswers, HubAnswer } from "./ask-machine.ts";
import { failedBy, type Finding, lateFinding } from "./finding.ts";
import type { Machine } from "../run/events/machine.ts";

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
  switch (owner.kind) {
    case "our-stack":
      return { status: "ok", found: `port ${port} is used by the stack that is already running` };
    case "annie":
      return { status: "ok", found: `port ${port}: Annie is already running there` };
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
        by: `${owner.name} (PID ${owner.pid})`,
        // Process 1 is the system itself, which listens for services that it starts.
        stop: owner.pid === 1 ? null : `kill ${owner.pid}`,
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
    ...(elsewhere === null ? [] : [`use another port (${elsewhere})`]),
  ];
  const sentence =
    ways.length === 0 ? "find the program that uses it (sudo ss -ltnp)" : ways.join(", or ");
  const remedy = `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`;
  return {
    status: "failed",
    found: `port ${port} is in use by ${by}`,
    remedy,
    failure: failure("port.taken", { from: "check", port, by, remedy }),
  };
}

/** One that answers is enough; the others are shown too. Where none does, it is the preferred one's failure. */
export function assessHubs(answers: EndpointAnswers, { limitMs }: Pick<Probe, "limitMs">): Finding {
  const findings = answers.map(({ endpoint, answer }) => assessHub(answer, { endpoint, limitMs }));
  const [first, ...others] = findings;
  if (first === undefined) return { status: "skipped", found: "no address is set" };
  if (others.length === 0 || answers[0]?.answer.kind === "offline") return first;
  const found = findings.map((finding) => finding.found).join("; ");
  const used = answers.find(({ answer }) => answer.kind === "hub");
  if (used === undefined) return { ...first, found };
  if (first.status !== "ok") {
    return { status: "warning", found: `${found}; downloading from ${used.endpoint} instead` };
  }
  return { status: others.every(({ status }) => status === "ok") ? "ok" : "warning", found };
}

function assessHub(
  answer: HubAnswer,
  { endpoint, limitMs }: { readonly endpoint: string } & Pick<Probe, "limitMs">,
): Finding {
  switch (answer.kind) {
    case "hub":
      return { status: "ok", found: `${endpoint} answers in ${answer.elapsedMs} ms` };
    case "offline":
      return { status: "skipped", found: "HF_HUB_OFFLINE is set" };
    case "late":
      return lateFinding({ limitMs }, endpoint);
    case "unusable":
      return failedBy(answer.failure);
  }
}

/** The address that answers, else the preferred one. */
export function hubOf(answers: EndpointAnswers): Machine["hub"] {
  for (const { endpoint, answer } of answers) {
    if (answer.kind === "hub") return { endpoint, reachable: true, elapsedMs: answer.elapsedMs };
  }
  return { endpoint: answers[0]?.endpoint ?? "", reachable: false, elapsedMs: null };
}
