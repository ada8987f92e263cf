import { late, type Late, type Probe } from "../host/time-limit.ts";
import { readProxies } from "../host/proxies.ts";
import { quoted } from "../run/shell-quote.ts";
import { formatDuration } from "../run/units.ts";
import { type Finding, lateFinding } from "./finding.ts";
import type { TokenFound } from "./installation.ts";

type Limit = Pick<Probe, "limitMs">;

/** From here on certificates and signed addresses begin to fail. */
const farOffMs = 120_000;

/** @param aheadMs of the Hub's clock; negative where this machine is behind */
export function assessClock(aheadMs: number | null | Late, { limitMs }: Limit): Finding {
  if (aheadMs === late) return lateFinding({ limitMs });
  if (aheadMs === null) return { status: "skipped", found: "the Hub does not tell the time" };
  const off = formatDuration(Math.abs(aheadMs) / 1000);
  if (Math.abs(aheadMs) < farOffMs) return { status: "ok", found: "agrees with the Hub's" };
  return {
    status: "warning",
    found: `${off} ${aheadMs > 0 ? "ahead of" : "behind"} the Hub's`,
    remedy: "sudo timedatectl set-ntp true",
  };
}

/** Says which variables count, and never what is in them: an address may hold a password. */
export function assessProxy(
  env: Probe["host"]["env"],
  { endpoint, isReached }: { readonly endpoint: string; readonly isReached: boolean },
): Finding {
  const url = URL.parse(endpoint);
  const names = Object.keys(env).filter(
    (name) => /^(?:https?|all)_proxy$/iu.test(name) && env[name] !== "",
  );
  if (url === null || names.length === 0) return { status: "ok", found: "none is set" };
  const told = names.join(", ");
  try {
    if (!readProxies(env).isProxied(url)) {
      return { status: "ok", found: `${told}: not used for ${endpoint}` };
    }
  } catch (error) {
    const problem = error instanceof Error ? error.message : told;
    return { status: "warning", found: problem, remedy: `Correct or unset ${told}.` };
  }
  const found = `${told}: used for ${endpoint}`;
  if (isReached) return { status: "ok", found };
  return {
    status: "warning",
    found: `${found}, which can't be reached`,
    remedy: `Check the proxy with curl -I ${quoted(endpoint)}, or list what needs none in NO_PROXY.`,
  };
}

export function assessTokens(tokens: readonly TokenFound[] | Late, { limitMs }: Limit): Finding {
  if (tokens === late) return lateFinding({ limitMs });
  const [first] = tokens;
  if (first === undefined) return { status: "ok", found: "none; public models need none" };
  const open = tokens.filter(({ isOpen }) => isOpen);
  const refused = tokens.find(({ isRefused }) => isRefused);
  const problems = [
    ...open.map(({ where }) => `other users can read ${where}`),
    ...(refused === undefined ? [] : [`the Hub rejects the token in ${refused.where}`]),
  ];
  if (problems.length === 0) return { status: "ok", found: `found in ${first.where}` };
  const closing = open.flatMap(({ path }) => (path === null ? [] : [`chmod 600 ${quoted(path)}`]));
  const fixes = [
    ...(closing.length === 0 ? [] : [closing.join(" && ")]),
    ...(refused === undefined
      ? []
      : [`Put a new token into ${refused.where}: https://huggingface.co/settings/tokens`]),
  ];
  return { status: "warning", found: problems.join("; "), remedy: fixes.join(". ") };
}
