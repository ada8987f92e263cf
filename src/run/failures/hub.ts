import { exitCodes, row } from "../failure.ts";
import { quoted } from "../shell-quote.ts";
import { formatMoment } from "../units.ts";

type AtHub = { readonly endpoint: string };

/** A hint that ends with how to get and give a token, on a command line and on a form. */
function tokenHint(before: string): { readonly hint: string; readonly formHint: string } {
  const make = `${before}Create a token at https://huggingface.co/settings/tokens and`;
  return {
    hint: `${make} set HF_TOKEN, or pass it with --token-file.`,
    formHint: `${make} paste it when asked for one.`,
  };
}

function gatedHint({ repo, withToken }: { readonly repo: string; readonly withToken: boolean }) {
  const page = `https://huggingface.co/${repo}`;
  const accept = `Accept the terms at ${page} with the account that owns the token, then run heros again.`;
  return withToken
    ? { hint: accept, formHint: accept }
    : tokenHint(`Accept the terms at ${page}. `);
}

/** What the Hub does not have; `impossible`: its name is invalid, and the Hub was not asked. */
type Missing<Asked> = Asked | { readonly impossible: string };
const namesInCatalog =
  "Check the name, or the catalog: a repository is owner/name, and a revision is a branch, a tag or a commit.";

/** Without a token the Hub does not tell a missing repository from a private one. */
type MissingRepo = Missing<AtHub & { readonly repo: string; readonly withToken: boolean }>;

function missingRepoHint(data: MissingRepo): { readonly hint: string; readonly formHint: string } {
  if ("impossible" in data) return { hint: namesInCatalog, formHint: namesInCatalog };
  const hint = "Check the repository's name, and that the token can read it.";
  return data.withToken
    ? { hint, formHint: hint }
    : tokenHint("Check the repository's name. A private or gated one needs a token. ");
}

/** The Hub, and what stands between it and this machine. */
export const hubFailures = {
  "hub.token_refused": row<AtHub>({
    exitCode: exitCodes.usage,
    message: ({ endpoint }) => `The Hub at ${endpoint} rejected the token.`,
    hint: () => tokenHint("").hint,
    formHint: () => tokenHint("").formHint,
  }),
  "hub.forbidden": row<AtHub & { readonly repo: string }>({
    exitCode: exitCodes.usage,
    message: ({ endpoint, repo }) => `The token has no access to ${repo} on ${endpoint}.`,
    hint: () =>
      "Use a token that can read this repository (hf auth whoami shows whose token it is).",
  }),
  "hub.gated": row<{ readonly repo: string; readonly withToken: boolean }>({
    exitCode: exitCodes.usage,
    message: ({ repo }) =>
      `${repo} is gated: you must accept its terms before you can download it.`,
    hint: (data) => gatedHint(data).hint,
    formHint: (data) => gatedHint(data).formHint,
  }),
  "hub.repo_not_found": row<MissingRepo>({
    exitCode: exitCodes.usage,
    message(data) {
      if ("impossible" in data) {
        return `${data.impossible} is not a valid repository name.`;
      }
      const { repo, endpoint, withToken } = data;
      const perhaps = withToken ? "the token has no access to it" : "it is private";
      return `There is no repository ${repo} on ${endpoint}, or ${perhaps}.`;
    },
    hint: (data) => missingRepoHint(data).hint,
    formHint: (data) => missingRepoHint(data).formHint,
  }),
  "hub.revision_not_found": row<
    Missing<AtHub & { readonly repo: string; readonly revision: string }>
  >({
    exitCode: exitCodes.usage,
    message: (data) =>
      "impossible" in data
        ? `${data.impossible} is not a valid revision.`
        : `${data.repo} has no revision ${data.revision} on ${data.endpoint}.`,
    hint: (data) =>
      "impossible" in data
        ? namesInCatalog
        : "Check the revision: a branch, a tag or a full commit.",
  }),
  "hub.unsafe_path": row<{ readonly repo: string; readonly path: string }>({
    exitCode: exitCodes.failed,
    message: ({ repo, path }) =>
      `${repo} lists a file with an unsafe name: ${JSON.stringify(path)}.`,
    hint: () => "Nothing was written. Report it to the repository's owner, or check HF_ENDPOINT.",
  }),
  /** A page for people where the Hub's answer should be: a login page of a hotel, a proxy, a wrong address. */
  "hub.captive_portal": row<AtHub & { readonly what: string }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, what }) => `${endpoint} did not answer like a Hub: ${what}.`,
    hint: ({ endpoint }) =>
      `Open ${endpoint} in a browser on this machine: your network may require a login. Or check HF_ENDPOINT and the proxy.`,
  }),
  "hub.redirect_loop": row<{ readonly host: string }>({
    exitCode: exitCodes.network,
    message: ({ host }) => `Too many redirects from ${host}.`,
    hint: () => "Check HF_ENDPOINT and the proxy.",
  }),
  /** A Hub out there must not make us ask what only this machine and its network can. */
  "hub.unsafe_redirect": row<AtHub & { readonly host: string }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, host }) =>
      `${endpoint} redirected to ${host}, an address on this machine or its network, so heros did not follow.`,
    hint: () => "Use another Hub or mirror, for example --endpoint https://huggingface.co",
  }),
  "hub.tls": row<AtHub & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, reason }) =>
      `The certificate of ${endpoint} can't be trusted (${reason}).`,
    hint: () =>
      "Check the machine's date. If your network uses its own certificate, add it to the system's store, or set SSL_CERT_FILE to its path.",
  }),
  /** One that wants a password, forbids the address, or is of a kind that heros can't use: `unusable` says which. */
  "hub.proxy": row<AtHub & { readonly status: number; readonly unusable: string | null }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, status, unusable }) =>
      unusable === null
        ? `The proxy refuses connections to ${endpoint}${status === 0 ? "" : ` (${status})`}.`
        : `${unusable}.`,
    hint: () =>
      "Set HTTPS_PROXY to an http:// proxy, with a user name and password if it needs them. NO_PROXY lists the hosts to reach without it.",
  }),
  /** `until`: when the Hub said to come back. */
  "hub.rate_limited": row<AtHub & { readonly until: Date | null }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, until }) =>
      until === null
        ? `The Hub at ${endpoint} limits requests from this address.`
        : `The Hub at ${endpoint} allows no more requests until ${formatMoment(until)}.`,
    hint: ({ until }) =>
      until === null
        ? "Wait five minutes, then run heros again: it continues where it stopped. A token raises the limit."
        : "Run heros again after that: it continues where it stopped. A token raises the limit.",
  }),
  "hub.server_error": row<AtHub & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, reason }) => `The Hub at ${endpoint} has a problem: ${reason}.`,
    hint: () =>
      "Check https://status.huggingface.co, then run heros again later: it continues where it stopped.",
  }),
  /** `asked`: the repository whose list of files was needed. */
  "hub.unreachable": row<AtHub & ({ readonly reason: string } | { readonly asked: string })>({
    exitCode: exitCodes.network,
    message: (data) =>
      "asked" in data
        ? `Can't get the list of files of ${data.asked} from the Hub at ${data.endpoint}.`
        : `Can't reach the Hub at ${data.endpoint}: ${data.reason}.`,
    hint: (data) =>
      "asked" in data
        ? "Check the network with heros doctor, then try again."
        : `Check the network, the proxy and HF_ENDPOINT: curl -I ${quoted(data.endpoint)}`,
  }),
  /** `missing`: "file a.json", "files". `listed`: its list of files says so, and not an answer to a question for one. */
  "hub.file_not_found": row<{
    readonly repo: string;
    readonly revision: string;
    readonly missing: string;
    readonly listed: boolean;
  }>({
    exitCode: exitCodes.usage,
    message: ({ repo, revision, missing }) => `${repo} has no ${missing} at revision ${revision}.`,
    hint: ({ listed }) =>
      listed
        ? 'Check the repository, its revision and the names under "files" in the catalog.'
        : 'Check the names under "files" in the catalog.',
  }),
  "hub.branch_moved": row<{
    readonly repo: string;
    readonly branch: string;
    readonly commit: string;
  }>({
    exitCode: exitCodes.network,
    message: ({ repo, branch, commit }) =>
      `${repo} changed on the Hub during the download: ${branch} no longer points to commit ${commit.slice(0, 7)}.`,
    hint: () =>
      "Run the same command again: it downloads the new files and keeps the unchanged ones.",
  }),
  "hub.offline": row<{ readonly missing: string }>({
    exitCode: exitCodes.network,
    message: ({ missing }) => `HF_HUB_OFFLINE is set, but the cache does not contain ${missing}.`,
    hint: () =>
      "Unset HF_HUB_OFFLINE and run heros again, or set HF_HUB_CACHE to a cache that contains it.",
  }),
};
