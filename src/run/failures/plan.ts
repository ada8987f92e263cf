import { exitCodes, row } from "../failure.ts";
import { withoutLogin } from "../login.ts";
import { quoted } from "../shell-quote.ts";

/** A value that does not answer a question. */
interface BadAnswer {
  readonly value: string;
  /** What is valid. */
  readonly right: string;
  /** Where it can be given; null where it was typed on a form. */
  readonly given: {
    readonly flag: string;
    readonly environment: string;
    readonly configKey: string;
  } | null;
}

const tokenHint =
  "A token is one word that starts with hf_. Copy it again from https://huggingface.co/settings/tokens";

/** Answers, choices and settings. */
export const planFailures = {
  "plan.bad_answer": row<BadAnswer | "token">({
    exitCode: exitCodes.usage,
    message(bad) {
      if (bad === "token") return "That is not a Hugging Face token.";
      const { value, given } = bad;
      return given === null
        ? `"${value}" is not valid.`
        : `Invalid ${given.flag} value "${value}".`;
    },
    hint(bad) {
      if (bad === "token") return tokenHint;
      const { right, given } = bad;
      if (given === null) return `Give ${right}.`;
      const { flag, environment, configKey } = given;
      return `Give ${right} (${flag}, ${environment}, or ${configKey} in the config file).`;
    },
    formHint: (bad) => (bad === "token" ? tokenHint : `Give ${bad.right}.`),
  }),
  "demo.other_stack": row<{ readonly title: string; readonly catalog: string }>({
    exitCode: exitCodes.usage,
    message: ({ title }) => `The demo can't simulate ${title}.`,
    hint: ({ catalog }) =>
      `Leave --catalog out: heros setup --demo. To see what a setup would do: heros setup --catalog ${quoted(catalog)} --dry-run`,
  }),
  "groups.unknown": row<{
    readonly group: string;
    readonly known: readonly string[];
    /** By which they can be chosen, too. */
    readonly priorities: readonly number[];
  }>({
    exitCode: exitCodes.usage,
    message: ({ group }) => `There is no set "${group}".`,
    hint: ({ known, priorities }) =>
      `Choose from ${known.join(", ")}, for example --group ${known.slice(0, 2).join(",")}, or by number: --tiers ${priorities.slice(0, 2).join(",")}.`,
  }),
  "catalog.no_stack": row<{ readonly stack: string }>({
    exitCode: exitCodes.usage,
    message: ({ stack }) => `The catalog of ${stack} has models alone: there is nothing to set up.`,
    hint: () => "Download them: heros pull --catalog FILE",
  }),
  "groups.one_of": row<{ readonly oneOf: string; readonly groups: readonly [string, string] }>({
    exitCode: exitCodes.usage,
    message: ({ groups: [one, other] }) => `${one} and ${other} can't be chosen together.`,
    hint: ({ oneOf, groups: [one, other] }) =>
      `Choose one ${oneOf}: --group ${one} or --group ${other}.`,
  }),
  /** What was asked for needs more than there is. */
  "groups.too_much": row<{
    readonly title: string;
    readonly group: string;
    /** "a GPU with 24 GiB of memory; the one here has 12 GiB" */
    readonly lack: string;
    /** Those that fit. */
    readonly fitting: readonly { readonly id: string; readonly title: string }[];
  }>({
    exitCode: exitCodes.machine,
    message: ({ title, lack }) => `${title} needs ${lack}.`,
    hint: ({ group, fitting }) =>
      fitting.length === 0
        ? `Leave ${group} out.`
        : `Choose what fits: --group ${fitting.map(({ id }) => id).join(",")}.`,
    formHint: ({ title, fitting }) =>
      fitting.length === 0
        ? `Leave ${title} out.`
        : `Choose what fits: ${fitting.map((each) => each.title).join(", ")}.`,
  }),
  /** By its id in the catalog, or by its repository. */
  "models.unknown": row<{ readonly name: string; readonly known: readonly string[] }>({
    exitCode: exitCodes.usage,
    message: ({ name }) => `The catalog has no model "${withoutLogin(name)}".`,
    hint: ({ known }) =>
      `Choose from ${known.join(", ")}. Or name any repository of the Hub (OWNER/REPO), a model of Ollama (ollama:MODEL), a bucket (s3://BUCKET/PREFIX), or a folder (file:///PATH, https://HOST/PREFIX/).`,
  }),
  /** Of a model that a catalog pins by its digest. */
  "models.digest_differs": row<{
    readonly model: string;
    readonly wanted: string;
    readonly found: string;
  }>({
    exitCode: exitCodes.hash,
    message: ({ model, wanted, found }) =>
      `${model} is not what the catalog pins: its digest is ${found}, not ${wanted}.`,
    hint: () =>
      "Its tag was moved to other bytes. If you trust them, correct the digest in the catalog.",
  }),
  "update.needs_yes": row({
    exitCode: exitCodes.usage,
    message: () => "heros models update can't ask its question without an interactive terminal.",
    hint: () => "Add --yes to update, or --dry-run to see what is newer.",
  }),
  /** Of a repository of which not all files are here. */
  "update.file_gone": row<{ readonly repo: string; readonly path: string }>({
    exitCode: exitCodes.usage,
    message: ({ repo, path }) =>
      `${path} is not in the newest revision of ${repo}, and heros can't tell which file took its place: this machine has only some files of the repository.`,
    hint: ({ repo }) => `To download all of it: heros pull ${repo}`,
  }),
  /** A folder of a cache that can't be looked into: what it has is not known. */
  "models.not_readable": row<{ readonly path: string; readonly errno: string }>({
    exitCode: exitCodes.failed,
    message: ({ path, errno }) =>
      errno === "EACCES" || errno === "EPERM"
        ? `Can't look into ${path}: you don't have permission (${errno}).`
        : `Can't look into ${path} (${errno}).`,
    hint: ({ path }) =>
      `See whose it is: ls -ld ${quoted(path)}. If it is yours, open it: chmod u+rwx ${quoted(path)}`,
  }),
  "models.not_here": row<{ readonly name: string }>({
    exitCode: exitCodes.usage,
    message: ({ name }) => `${name} is not on this machine.`,
    hint: () => "See what is: heros models ls",
  }),
  /** `name`: what it was given as; a flag, a variable, a key of the config file. */
  "settings.bad_value": row<
    | { readonly name: string; readonly value: string; readonly right: string }
    | { readonly name: string; readonly address: string }
    | { readonly name: string; readonly absentUser: string }
  >({
    exitCode: exitCodes.usage,
    message(bad) {
      if ("address" in bad) return `${bad.name} ${bad.address}.`;
      if ("value" in bad) return `Invalid ${bad.name} "${bad.value}": give ${bad.right}.`;
      const { name, absentUser } = bad;
      return `${name} starts with ~${absentUser}, but this machine has no user ${absentUser}.`;
    },
    hint(bad) {
      if ("address" in bad)
        return `Set ${bad.name} to an address, for example https://huggingface.co`;
      if ("right" in bad) return "Run heros COMMAND --help for usage.";
      return `Set ${bad.name} to an absolute path.`;
    },
  }),
};
