import { z } from "zod";
import { readCheckedYaml } from "../catalog/checked-yaml.ts";
import { failure } from "../run/failures/table.ts";
import { namesOf, questions } from "./questions.ts";
import { settings } from "./settings.ts";

const scalar = z.union([z.string(), z.number(), z.boolean()], "must be one value");
/** Values by config key, each as flags would give it. */
export type ConfigValues = Readonly<Record<string, readonly string[]>>;

/**
 * Reads a config file (YAML, the keys of the questions and the settings).
 * @throws Failure `config.invalid` (exit 2) that names the file, and line and key of all that is wrong
 */
export function parseConfig(text: string, source: string): ConfigValues {
  if (text.trim() === "") return {};
  const keys = [...questions.flatMap(namesOf), ...settings].map(({ configKey }) => configKey);
  const { value } = readCheckedYaml({
    text,
    source,
    shape: configShape(),
    failure: (where, cause) => failure("config.invalid", { ...where, keys }, cause),
  });
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]) =>
      entry === undefined ? [] : [[key, (Array.isArray(entry) ? entry : [entry]).map(String)]],
    ),
  );
}

function configShape() {
  return z.strictObject(
    Object.fromEntries([
      ...questions.flatMap((question) =>
        namesOf(question).map(({ configKey }) => [
          configKey,
          (question.kind === "many" ? z.union([scalar, z.array(scalar)]) : scalar).optional(),
        ]),
      ),
      ...settings.flatMap(({ configKey, otherName, many }) =>
        [configKey, ...(otherName === undefined ? [] : [otherName.configKey])].map((key) => [
          key,
          (many === true ? z.union([scalar, z.array(scalar)]) : scalar).optional(),
        ]),
      ),
    ]),
  );
}
