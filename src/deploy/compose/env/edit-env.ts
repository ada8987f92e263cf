import { type EnvEntry, type EnvText, envValue, invalidEnv, readEnvFile } from "./env-file.ts";

/** What is to become of one key: a new value, or more at the end of the one that it has. */
export type EnvEdit = { readonly key: string } & (
  | { readonly value: string }
  | { readonly append: string }
);

/**
 * The text with these edits; everything else stays as it is, byte for byte. A value keeps its quotes, and what it is
 * made of where something is appended.
 * @throws Failure `stack.env_invalid` (exit 2) where the file is wrong, or a value can't be written into it
 */
export function editEnv(env: EnvText, edits: readonly EnvEdit[]): string {
  let { text } = env;
  let entries = readEnvFile(env);
  for (const edit of edits) {
    const { key } = edit;
    const entry = entries.findLast((one) => one.key === key);
    const wanted = "append" in edit ? (entry?.value ?? "") + edit.append : edit.value;
    if (entry?.value === wanted) continue;
    text = editOne(text, edit, entry);
    entries = readEnvFile({ ...env, text });
    if (envValue(entries, key) === wanted) continue;
    throw invalidEnv(env.path, `${key} can't be changed where it stands`);
  }
  return text;
}

function editOne(text: string, edit: EnvEdit, entry: EnvEntry | undefined): string {
  const written = "append" in edit ? edit.append : edit.value;
  if (entry !== undefined) {
    const from = "append" in edit ? entry.end : entry.start;
    return text.slice(0, from) + written + text.slice(entry.end);
  }
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const gap = text === "" || text === "\uFEFF" || text.endsWith("\n") ? "" : newline;
  return `${text}${gap}${edit.key}=${quoted(written)}${newline}`;
}

/** Single quotes where a bare value would be cut short or its variables filled in. */
function quoted(value: string): string {
  return /[\s#$"'\\`]/.test(value) ? `'${value}'` : value;
}
