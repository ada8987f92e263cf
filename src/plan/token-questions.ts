import { exitCodes, Failure } from "../progress/failure.ts";
import { Secret } from "../progress/secret.ts";
import type { Planning } from "./planning.ts";
import { option, parseYesNo } from "./question-parts.ts";
import type { Question } from "./questions.ts";

export const token: Question = {
  id: "token",
  title: "Hugging Face token",
  kind: "secret",
  prompt: "Use a Hugging Face token?",
  why: "Annie's own models need none; with one the Hub allows more requests an hour.",
  help:
    "The Hugging Face Hub is where the models are. A token says who you are; it is needed only for models whose terms you had to accept. " +
    "A token that you use here is checked with the Hub and sent to the Hub alone. Whether it is kept is asked next.",
  flag: "--token-file",
  argument: "file",
  summary: "file that holds a Hugging Face token (default: HF_TOKEN, else the Hub's token file)",
  environment: "HEROS_TOKEN_FILE",
  configKey: "tokenFile",
  applies: () => true,
  options: ({ tokens, models }) => [
    ...tokens.map(({ answer, where }) =>
      option(answer.source, `Use the token found in ${where}`, "It is not shown."),
    ),
    option("none", "Go on without one", withoutToken(models)),
    option("pasted", "Paste a token", "It stays hidden while you paste."),
  ],
  selected: (answers) => [answers.token.source],
  patch: (_catalog, answers, [value = ""], planning) => {
    if (value === "none") return { ...answers, token: { source: "none" } };
    const found = planning?.tokens.find(({ answer }) => answer.source === value);
    if (found !== undefined) return { ...answers, token: found.answer };
    const pasted = value.trim();
    if (!/^[\x21-\x7e]{8,}$/.test(pasted)) {
      throw new Failure({
        code: "plan.bad_answer",
        message: "That is not a Hugging Face token.",
        hint: "A token is one word that begins with hf_. Copy it again from your Hugging Face settings.",
        exitCode: exitCodes.usage,
      });
    }
    return { ...answers, token: { source: "pasted", token: new Secret(pasted) } };
  },
};

export const keepToken: Question = {
  id: "keepToken",
  title: "The token afterwards",
  kind: "one",
  prompt: "Keep the token for the next time?",
  why: "Annie does not need it; heros would find it again when you add models later.",
  help:
    "Keep it: it is written to secrets/hf_token in Annie's folder, a file that only you can read. " +
    "For this run only: it is in no file and is forgotten when heros ends. A token that was kept before stays until you delete that file.",
  flag: "--keep-token",
  argument: "choice",
  summary:
    "yes: the token is kept in the stack's folder; no: it is used for this run only (default: yes)",
  environment: "HEROS_KEEP_TOKEN",
  configKey: "keepToken",
  applies: (_planning, { token: { source } }) => source !== "none" && source !== "kept",
  options: () => [
    option("yes", "Keep it", "In Annie's folder, where only you can read it."),
    option("no", "Use it for this run only", "No file is written with it."),
  ],
  selected: (answers) => [answers.keepToken ? "yes" : "no"],
  patch: (_catalog, answers, [value = ""]) => ({
    ...answers,
    keepToken: parseYesNo(keepToken, value),
  }),
};

/** A model whose size nobody tells without a token is one that needs one. */
function withoutToken(models: Planning["models"]): string {
  const closed = models.filter(({ totalBytes }) => totalBytes === 0).map(({ title }) => title);
  return closed.length === 0
    ? "Enough for all of Annie's models."
    : `Not enough for ${closed.join(", ")}: the Hub shows them only to who has accepted their terms.`;
}
