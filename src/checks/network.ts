import type { Probe } from "../host/time-limit.ts";
import type { EndpointAnswers, HubAnswer } from "./ask-machine.ts";
import { failedBy, type Finding, lateFinding } from "./finding.ts";
import type { Machine } from "../run/events/machine.ts";

/** One that answers is enough; the others are shown too. Where none does, it is the preferred one's failure. */
export function assessHubs(answers: EndpointAnswers, { limitMs }: Pick<Probe, "limitMs">): Finding {
  const findings = answers.map(({ endpoint, answer }) => assessHub(answer, { endpoint, limitMs }));
  const [first, ...others] = findings;
  if (first === undefined) return { status: "skipped", found: "no address is set" };
  const isAsked = first.status !== "skipped";
  if (others.length === 0 || !isAsked) return first;
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
    case "unneeded":
      return { status: "skipped", found: "no model of this stack comes from it" };
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
