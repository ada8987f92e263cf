import { exitCodes } from "../exit-codes.ts";
import { quoted } from "../shell-quote.ts";
import { formatMoment } from "../units.ts";
import { row } from "./row.ts";

type AtHub = { readonly endpoint: string };

/** A hint that ends with how to get and give a token, on a command line and on a form. */
function tokenHint(before: string): { readonly hint: string; readonly formHint: string } {
  const make = `${before}Make a token at https://huggingface.co/settings/tokens and`;
  return {
    hint: `${make} set HF_TOKEN, or give it with --token-file.`,
    formHint: `${make} paste it where you are asked for one.`,
  };
}

function gatedHint({ repo, withToken }: { readonly repo: string; readonly withToken: boolean }) {
  const page = `https://huggingface.co/${repo}`;
  const accept = `Accept the terms at ${page} with the account that the token belongs to, then run heros again.`;
  return withToken
    ? { hint: accept, formHint: accept }
    : tokenHint(`Accept the terms at ${page}. `);
}

/** What was asked for is not there; `impossible`: its name can't be one, and nobody was asked. */
type Missing<Asked> = Asked | { readonly impossible: string };
const namesInCatalog =
  "Check the catalog: a repository is written owner/name, a revision is a branch, a tag or a commit.";

/** Without a token the Hub does not tell a missing repository from a private one. */
type MissingRepo = Missing<AtHub & { readonly repo: string; readonly withToken: boolean }>;

function missingRepoHint(data: MissingRepo): { readonly hint: string; readonly formHint: string } {
  if ("impossible" in data) return { hint: namesInCatalog, formHint: namesInCatalog };
  const hint = "Check the repository's name in the catalog, and that the token may read it.";
  return data.withToken
    ? { hint, formHint: hint }
    : tokenHint("Check the name in the catalog. If it is private or gated: ");
}

/** The Hub, and what stands between it and this machine. */
export const hubFailures = {
  "hub.token_refused": row<AtHub>({
    exitCode: exitCodes.usage,
    message: ({ endpoint }) => `The Hub at ${endpoint} does not accept the token.`,
    hint: () => tokenHint("").hint,
    formHint: () => tokenHint("").formHint,
  }),
  "hub.forbidden": row<AtHub & { readonly repo: string }>({
    exitCode: exitCodes.usage,
    message: ({ endpoint, repo }) => `The Hub at ${endpoint} does not let this token read ${repo}.`,
    hint: () =>
      "Use a token with the right to read this repository (`hf auth whoami` shows whose it is).",
  }),
  "hub.gated": row<{ readonly repo: string; readonly withToken: boolean }>({
    exitCode: exitCodes.usage,
    message: ({ repo }) =>
      `${repo} is gated: its owner asks you to accept terms before the files can be downloaded.`,
    hint: (data) => gatedHint(data).hint,
    formHint: (data) => gatedHint(data).formHint,
  }),
  "hub.repo_not_found": row<MissingRepo>({
    exitCode: exitCodes.usage,
    message(data) {
      if ("impossible" in data) {
        return `${data.impossible} can't be the name of a repository on the Hub.`;
      }
      const { repo, endpoint, withToken } = data;
      const perhaps = withToken ? "the token may not see it" : "it is private";
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
        ? `${data.impossible} can't be the name of a revision on the Hub.`
        : `${data.repo} has no revision ${data.revision} on ${data.endpoint}.`,
    hint: (data) =>
      "impossible" in data
        ? namesInCatalog
        : "Check the revision in the catalog: a branch, a tag or a full commit.",
  }),
  "hub.unsafe_path": row<{ readonly repo: string; readonly path: string }>({
    exitCode: exitCodes.failed,
    message: ({ repo, path }) =>
      `The Hub lists a file of ${repo} under a name that heros will not write: ${JSON.stringify(path)}.`,
    hint: () =>
      "Nothing was written. Report it to the owner of the repository, or check the address in HF_ENDPOINT.",
  }),
  /** A page for people where the Hub's answer should be: a login page of a hotel, a proxy, a wrong address. */
  "hub.captive_portal": row<AtHub & { readonly what: string }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, what }) => `${endpoint} did not answer as a Hub: ${what}.`,
    hint: ({ endpoint }) =>
      `Open ${endpoint} in a browser on this machine: a network may want you to log in first. Or check HF_ENDPOINT and the proxy.`,
  }),
  "hub.redirect_loop": row<{ readonly host: string }>({
    exitCode: exitCodes.network,
    message: ({ host }) => `${host} sends us from one address to the next without end.`,
    hint: () => "Check HF_ENDPOINT and the proxy.",
  }),
  /** A Hub out there must not make us ask what only this machine and its network can. */
  "hub.unsafe_redirect": row<AtHub & { readonly host: string }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, host }) =>
      `${endpoint} sent heros to ${host}, an address inside this machine or its network. It was not followed.`,
    hint: () => "Use another Hub or mirror: heros … --endpoint https://huggingface.co",
  }),
  "hub.tls": row<AtHub & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, reason }) =>
      `The secure connection to ${endpoint} can't be trusted (${reason}).`,
    hint: () =>
      "Check the machine's date. If your network has a certificate of its own, add it to the system's store, or name its file in SSL_CERT_FILE.",
  }),
  /** One that wants a password, forbids the address, or is of a kind that heros can't use: `unusable` says which. */
  "hub.proxy": row<AtHub & { readonly status: number; readonly unusable: string | null }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, status, unusable }) =>
      unusable === null
        ? `The proxy does not let us through to ${endpoint}${status === 0 ? "" : ` (${status})`}.`
        : `${unusable}.`,
    hint: () =>
      "Set HTTPS_PROXY to an http:// proxy, with the name and password that it wants; NO_PROXY lists what needs none.",
  }),
  /** `until`: when the Hub said to come back. */
  "hub.rate_limited": row<AtHub & { readonly until: Date | null }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, until }) =>
      until === null
        ? `The Hub at ${endpoint} asks us to slow down, again and again.`
        : `The Hub at ${endpoint} asks us to wait until ${formatMoment(until)}.`,
    hint: ({ until }) =>
      until === null
        ? "Wait five minutes and run heros again: it goes on where it was. A token raises the limit."
        : "Run heros again after that: it goes on where it was. A token raises the limit.",
  }),
  "hub.server_error": row<AtHub & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, reason }) => `The Hub at ${endpoint} has a problem: ${reason}.`,
    hint: () =>
      "Look at https://status.huggingface.co, and run heros again later: it goes on where it was.",
  }),
  /** `asked`: the repository of a list that a person waited for. */
  "hub.unreachable": row<AtHub & ({ readonly reason: string } | { readonly asked: string })>({
    exitCode: exitCodes.network,
    message: (data) =>
      "asked" in data
        ? `The Hub at ${data.endpoint} does not say what belongs to ${data.asked}.`
        : `The Hub at ${data.endpoint} can't be reached: ${data.reason}.`,
    hint: (data) =>
      "asked" in data
        ? "Look at the network with heros doctor, then try again."
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
        ? "Check the repository, its revision and the names under `files` in the catalog."
        : "Check the names under `files` in the catalog.",
  }),
  "hub.branch_moved": row<{
    readonly repo: string;
    readonly branch: string;
    readonly commit: string;
  }>({
    exitCode: exitCodes.network,
    message: ({ repo, branch, commit }) =>
      `${repo} changed on the Hub during the download: ${branch} no longer leads to commit ${commit.slice(0, 7)}.`,
    hint: () =>
      "Run the same command again. It downloads the new files and keeps those that did not change.",
  }),
  "hub.offline": row<{ readonly missing: string }>({
    exitCode: exitCodes.network,
    message: ({ missing }) => `HF_HUB_OFFLINE is set, and the cache does not have ${missing}.`,
    hint: () =>
      "Unset HF_HUB_OFFLINE and run heros again, or point HF_HUB_CACHE to a cache that has it.",
  }),
};
