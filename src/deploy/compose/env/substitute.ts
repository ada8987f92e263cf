/** How a text names a variable: `${A:?why}` and `${A?why}`, `${A}` and `$A`, or with what stands in for it. */
export type ReferenceKind = "required" | "plain" | "default" | "alternative";

export interface Reference {
  readonly name: string;
  readonly kind: ReferenceKind;
  /** Whether it has a value; for those with a colon an empty one is none. */
  readonly isSet: boolean;
}

export interface Substitution {
  /** The value of a variable; undefined where it is not set. */
  readonly lookup: (name: string) => string | undefined;
  /** Hears of each variable that counts; one in a default that is not used does not. Who hears that a required one has no value is not thrown at. */
  readonly onReference?: (reference: Reference) => void;
}

/** A text that compose refuses: `${A` without its end, or a required variable without a value. */
export class SubstitutionError extends Error {
  override readonly name = "SubstitutionError";
}

const pattern =
  /\$(?:(?<escaped>\$)|(?<named>[_a-z][_a-z0-9]*)|\{(?:(?<braced>[_a-z][_a-z0-9]*(?::?[-+?][^\n]*)?)\}|))/gi;
const kinds: Readonly<Record<string, ReferenceKind>> = {
  "?": "required",
  "-": "default",
  "+": "alternative",
};
const operation = /^(?<name>\w+)(?<operator>:?[-+?])(?<word>[^]*)$/;

/**
 * Fills variables in as compose does: https://github.com/compose-spec/compose-go, template/template.go. A `$` that begins
 * no variable stands for itself, `$$` for one `$`.
 * @throws SubstitutionError
 */
export function substitute(text: string, substitution: Substitution): string {
  return text.replace(pattern, (match) => {
    // The pattern takes all to the line's last brace; what lies behind the one that closes it is read by itself.
    const end = closingBrace(match) + 1;
    const [first, rest] = end === 0 ? [match, ""] : [match.slice(0, end), match.slice(end)];
    const groups = [...first.matchAll(pattern)][0]?.groups;
    if (groups?.["escaped"] !== undefined) return "$";
    const variable = groups?.["named"] ?? groups?.["braced"];
    if (variable === undefined) throw new SubstitutionError("a variable's brace is not closed");
    return valueOf(variable, substitution) + substitute(rest, substitution);
  });
}

function valueOf(variable: string, substitution: Substitution): string {
  const { lookup, onReference } = substitution;
  const { name = variable, operator, word = "" } = operation.exec(variable)?.groups ?? {};
  const value = lookup(name);
  const isSet = value !== undefined && (value !== "" || operator?.startsWith(":") !== true);
  const kind = kinds[operator?.at(-1) ?? ""] ?? "plain";
  onReference?.({ name, kind, isSet });
  switch (kind) {
    case "required":
      if (isSet || onReference !== undefined) return value ?? "";
      throw new SubstitutionError(`${name} is required but has no value`);
    case "default":
      return isSet ? value : substitute(word, substitution);
    case "alternative":
      return isSet ? substitute(word, substitution) : (value ?? "");
    case "plain":
      return value ?? "";
  }
}

/** Where the first brace of the text is closed; −1 where it is not. */
function closingBrace(text: string): number {
  let open = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === "}") {
      open -= 1;
      if (open === 0) return index;
    }
    if (text[index] === "{") {
      open += 1;
      index += 1;
    }
  }
  return -1;
}
