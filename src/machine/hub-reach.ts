import type { Machine } from "../progress/events/machine.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { quoted } from "../progress/shell.ts";
import type { Finding } from "./finding.ts";
import { readStart } from "./read-start.ts";
import { late, lateText, withinLimit, type Probe } from "./time-limit.ts";

/** What stands at the endpoint. */
export type HubAnswer =
  | { readonly kind: "hub"; readonly elapsedMs: number }
  | { readonly kind: "failing"; readonly status: number; readonly elapsedMs: number }
  /** A login page. `host`: where it is. */
  | { readonly kind: "portal"; readonly host: string }
  | { readonly kind: "unreachable"; readonly reason: string; readonly cause: unknown }
  /** It answers, and a download could not use it. */
  | { readonly kind: "unusable"; readonly failure: Failure }
  | { readonly kind: "offline" }
  | { readonly kind: "late" };

/** What stands at each address of the Hub, in order of preference. */
export type EndpointAnswers = readonly { readonly endpoint: string; readonly answer: HubAnswer }[];

/** An answer to one request, as far as it is needed to judge who gave it. */
export interface Page {
  readonly url: string;
  readonly status: number;
  readonly contentType: string;
  /** Absolute; null where it is no redirect. */
  readonly movedTo: string | null;
  readonly start: string;
}

/**
 * Asks the Hub for one line, without a token, and looks at who answers.
 * A redirect to another host is followed, since some endpoints stand for another; it counts as a login page unless JSON comes of it.
 */
export async function askHub(probe: Probe, endpoint: string): Promise<HubAnswer> {
  const { clock, env } = probe.host;
  if (/^(1|on|yes|true)$/i.test(env["HF_HUB_OFFLINE"] ?? "")) return { kind: "offline" };
  const startedMs = clock.monotonicMs();
  const answer = await withinLimit(probe, async (signal): Promise<HubAnswer> => {
    let page: Page | null = null;
    try {
      page = await fetchPage(probe, `${endpoint}/api/models?limit=1`, signal);
      const elapsedMs = Math.round(clock.monotonicMs() - startedMs);
      for (let hop = 0; hop < 3 && page.movedTo !== null; hop += 1) {
        page = await fetchPage(probe, page.movedTo, signal);
      }
      return judgePage(endpoint, page, elapsedMs);
    } catch (error) {
      signal.throwIfAborted();
      const next = page?.movedTo ?? null;
      if (next !== null && isElsewhere(next, endpoint))
        return { kind: "portal", host: new URL(next).host };
      return { kind: "unreachable", reason: reasonOf(error), cause: error };
    }
  });
  return answer === late ? { kind: "late" } : answer;
}

/** Asks an address as a download does. @throws Failure that the download would end with */
export type TryHub = (endpoint: string, signal: AbortSignal) => Promise<void>;

/** The same of several addresses, all at once. One that answers is tried as a download would use it. */
export function askHubs(
  probe: Probe,
  endpoints: readonly string[],
  tryHub: TryHub | null = null,
): Promise<EndpointAnswers> {
  return Promise.all(
    endpoints.map(async (endpoint) => {
      const answer = await askHub(probe, endpoint);
      if (answer.kind !== "hub" || tryHub === null) return { endpoint, answer };
      return { endpoint, answer: (await failureOfTrial(probe, endpoint, tryHub)) ?? answer };
    }),
  );
}

async function failureOfTrial(
  probe: Probe,
  endpoint: string,
  tryHub: TryHub,
): Promise<HubAnswer | null> {
  try {
    const tried = await withinLimit(probe, (signal) => tryHub(endpoint, signal));
    return tried === late ? { kind: "late" } : null;
  } catch (error) {
    probe.signal.throwIfAborted();
    if (error instanceof Failure) return { kind: "unusable", failure: error };
    throw error;
  }
}

async function fetchPage(
  { host, limitMs }: Probe,
  url: string,
  signal: AbortSignal,
): Promise<Page> {
  const { status, headers, body } = await host.network.request({
    url,
    headers: { accept: "application/json" },
    signal,
    idleTimeoutMs: limitMs,
  });
  const location = status >= 300 && status < 400 ? headers["location"] : undefined;
  return {
    url,
    status,
    contentType: headers["content-type"] ?? "",
    movedTo: location === undefined ? null : new URL(location, url).href,
    start: await readStart(body),
  };
}

function isElsewhere(url: string, endpoint: string): boolean {
  return new URL(url).hostname !== new URL(endpoint).hostname;
}

/** @param page the last one, after redirects */
export function judgePage(endpoint: string, page: Page, elapsedMs: number): HubAnswer {
  const { host } = new URL(page.url);
  const html = /\bhtml\b/i.test(page.contentType) || /^\s*</.test(page.start);
  const good = page.status >= 200 && page.status < 300;
  const elsewhere = isElsewhere(page.url, endpoint);
  if (page.status === 511 || (good && html) || (elsewhere && !(good && isJson(page.start)))) {
    return { kind: "portal", host };
  }
  return page.status >= 500
    ? { kind: "failing", status: page.status, elapsedMs }
    : { kind: "hub", elapsedMs };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: "its name is not known",
  EAI_AGAIN: "its name could not be looked up",
  ECONNREFUSED: "the connection is refused",
  ECONNRESET: "the connection is cut",
  ETIMEDOUT: "nothing answers in time",
  EHOSTUNREACH: "no way leads there",
  ENETUNREACH: "there is no network",
  EPROTO: "what answers there does not speak TLS",
  ERR_PROXY_TUNNEL: "the proxy lets nothing through to it",
  CERT_HAS_EXPIRED: "its certificate has expired; look at the clock of this machine",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "somebody else answers in its place, perhaps a login page or a proxy",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not trusted, perhaps a proxy's",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not trusted, perhaps a proxy's",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not trusted, perhaps a proxy's",
};

function reasonOf(error: unknown): string {
  const code =
    error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
  if (code === null) return "the request fails";
  if (code.startsWith("HPE_")) return "what answers there does not speak HTTP";
  // Not the error's own text: it may quote a proxy's address with its password.
  return reasons[code] ?? `the request fails (${code})`;
}

/** One that answers is enough; the others are told all the same. Where none does, it is the preferred one's failure. */
export function judgeHubs(answers: EndpointAnswers, { limitMs }: Pick<Probe, "limitMs">): Finding {
  const findings = answers.map(({ endpoint, answer }) => judgeHub(answer, { endpoint, limitMs }));
  const [first, ...others] = findings;
  if (first === undefined) return { status: "ok", found: "not asked: there is no address" };
  if (others.length === 0 || answers[0]?.answer.kind === "offline") return first;
  const found = findings.map((finding) => finding.found).join("; ");
  const used = answers.find(({ answer }) => answer.kind === "hub");
  if (used === undefined) return { ...first, found };
  if (first.status !== "ok") {
    return { status: "warning", found: `${found}; models come from ${used.endpoint}` };
  }
  return { status: others.every(({ status }) => status === "ok") ? "ok" : "warning", found };
}

export function judgeHub(
  answer: HubAnswer,
  { endpoint, limitMs }: { readonly endpoint: string } & Pick<Probe, "limitMs">,
): Finding {
  switch (answer.kind) {
    case "hub":
      return { status: "ok", found: `${endpoint} answers in ${answer.elapsedMs} ms` };
    case "offline":
      return { status: "ok", found: "not asked: HF_HUB_OFFLINE is set" };
    case "late":
      return { status: "warning", found: `${endpoint}: ${lateText({ limitMs })}` };
    case "failing":
      return {
        status: "warning",
        found: `${endpoint} answers with an error (${answer.status})`,
        remedy: "Wait a little: the Hub has trouble of its own.",
      };
    case "unusable": {
      const { message: found, hint: remedy } = answer.failure;
      return { status: "failed", found, remedy, failure: answer.failure };
    }
    case "portal": {
      const remedy = `Open http://${answer.host} in a browser on this network and log in there.`;
      return {
        status: "failed",
        found: `a login page answers in place of ${endpoint}`,
        remedy,
        failure: new Failure({
          code: "hub.captive_portal",
          message: `A login page (${answer.host}) answers in place of ${endpoint}.`,
          hint: remedy,
          exitCode: exitCodes.network,
        }),
      };
    }
    case "unreachable": {
      const remedy = `Look at the network: curl -I ${quoted(endpoint)}. Behind a proxy, set HTTPS_PROXY.`;
      return {
        status: "failed",
        found: `${endpoint} can't be reached: ${answer.reason}`,
        remedy,
        failure: new Failure({
          code: "hub.unreachable",
          message: `The Hub at ${endpoint} can't be reached: ${answer.reason}.`,
          hint: remedy,
          exitCode: exitCodes.network,
          cause: answer.cause,
        }),
      };
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
