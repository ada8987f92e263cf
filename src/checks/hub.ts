import { Failure } from "../run/failure.ts";
import { type Probe, withinLimit, late, lateText } from "../host/time-limit.ts";
import { isHubOffline } from "../source/hub/environment.ts";
import type { Finding } from "./finding.ts";
import type { Machine } from "../run/events/machine.ts";

/** What stands at the endpoint. */
export type HubAnswer =
  | { readonly kind: "hub"; readonly elapsedMs: number }
  /** A download could not use it. */
  | { readonly kind: "unusable"; readonly failure: Failure }
  | { readonly kind: "offline" }
  | { readonly kind: "late" };

/** What stands at each address of the Hub, in order of preference. */
export type EndpointAnswers = readonly { readonly endpoint: string; readonly answer: HubAnswer }[];

/** Asks an address as a download does, so that both judge alike. @throws Failure that the download would end with */
export type TryHub = (endpoint: string, signal: AbortSignal) => Promise<void>;

/** What a download would meet at these addresses, all asked at once. */
export function askHubs(
  probe: Probe,
  endpoints: readonly string[],
  tryHub: TryHub,
): Promise<EndpointAnswers> {
  return Promise.all(
    endpoints.map(async (endpoint) => ({
      endpoint,
      answer: await askHub(probe, endpoint, tryHub),
    })),
  );
}

async function askHub(probe: Probe, endpoint: string, tryHub: TryHub): Promise<HubAnswer> {
  const { clock, env } = probe.host;
  if (isHubOffline(env)) return { kind: "offline" };
  const startedMs = clock.monotonicMs();
  try {
    const tried = await withinLimit(probe, (signal) => tryHub(endpoint, signal));
    if (tried === late) return { kind: "late" };
    return { kind: "hub", elapsedMs: Math.round(clock.monotonicMs() - startedMs) };
  } catch (error) {
    probe.signal.throwIfAborted();
    if (error instanceof Failure) return { kind: "unusable", failure: error };
    throw error;
  }
}

/** One that answers is enough; the others are shown too. Where none does, it is the preferred one's failure. */
export function assessHubs(answers: EndpointAnswers, { limitMs }: Pick<Probe, "limitMs">): Finding {
  const findings = answers.map(({ endpoint, answer }) => assessHub(answer, { endpoint, limitMs }));
  const [first, ...others] = findings;
  if (first === undefined) return { status: "ok", found: "not checked: no address is set" };
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
      return { status: "ok", found: "not checked: HF_HUB_OFFLINE is set" };
    case "late":
      return { status: "warning", found: `${endpoint}: ${lateText({ limitMs })}` };
    case "unusable": {
      const { message, hint: remedy } = answer.failure;
      const found = message.replace(/\.$/u, "");
      return { status: "failed", found, remedy, failure: answer.failure };
    }
  }
}

/** The address that answers, else the preferred one. */
export function hubOf(answers: EndpointAnswers): Machine["hub"] {
  for (const { endpoint, answer } of answers) {
    if (answer.kind === "hub") return { endpoint, reachable: true, elapsedMs: answer.elapsedMs };
  }
  return { endpoint: answers[0]?.endpoint ?? "", reachable: false, elapsedMs: null };
}
