import { exitCodes } from "../exit-codes.ts";
import { row } from "./row.ts";

/** A value that is no answer to a question, and where it can be given. */
interface BadAnswer {
  readonly value: string;
  readonly prompt: string;
  readonly flag: string;
  readonly environment: string;
  readonly configKey: string;
  /** What would be an answer; on a form, `formRight`. */
  readonly right: string;
  readonly formRight: string;
}

/** What is answered, chosen and set for a plan. */
export const planFailures = {
  "plan.bad_answer": row<BadAnswer | "token">({
    exitCode: exitCodes.usage,
    message: (bad) =>
      bad === "token"
        ? "That is not a Hugging Face token."
        : `"${bad.value}" is no answer to "${bad.prompt}"`,
    hint: (bad) =>
      bad === "token"
        ? "A token is one word that begins with hf_. Copy it again from your Hugging Face settings."
        : `Give ${bad.right} (${bad.flag}, ${bad.environment}, or ${bad.configKey} in the config file).`,
    formHint: (bad) =>
      bad === "token"
        ? "A token is one word that begins with hf_. Copy it again from your Hugging Face settings."
        : `Give ${bad.formRight}.`,
  }),
  "tiers.unknown": row<{ readonly tier: number; readonly known: readonly number[] }>({
    exitCode: exitCodes.usage,
    message: ({ tier }) => `There is no tier ${tier}.`,
    hint: ({ known }) =>
      `Choose among ${known.join(", ")}, as in --tiers ${known.slice(0, 2).join(",")}.`,
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
      if ("value" in bad) return `${bad.name} can't be "${bad.value}".`;
      const { name, absentUser } = bad;
      return `${name} begins with ~${absentUser}, and there is no user ${absentUser} on this machine.`;
    },
    hint(bad) {
      if ("address" in bad) return `Set ${bad.name} to an address such as https://huggingface.co`;
      if ("right" in bad) return `Give ${bad.right}.`;
      return `Set ${bad.name} to the whole path of a folder.`;
    },
  }),
};
