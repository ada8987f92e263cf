import path from "node:path";
import { Document, isScalar, Pair, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { type ComposeText, readComposeYaml, readWrittenCompose } from "../compose-yaml.ts";
import { type Reference, substitute, SubstitutionError } from "../env/substitute.ts";
import { type Folders, withAbsolutePaths } from "./absolute-paths.ts";
import { mergeDocuments } from "./merge.ts";
import {
  isWrittenList,
  isWrittenMap,
  lettersOf,
  textOf,
  type Written,
  type WrittenMap,
  written,
} from "./written.ts";

export interface OneFileRequest {
  /** In the order in which compose merges them. */
  readonly files: readonly ComposeText[];
  readonly folders: Folders;
  /** COMPOSE_PROJECT_NAME; null where nothing says it. */
  readonly projectName: string | null;
}

export interface OneFile {
  readonly text: string;
  /** Variables that need a value from whoever starts it: `${NAME:?…}` and `${NAME}`. */
  readonly variables: readonly string[];
  /** Where a password or a token stands in the files themselves: `services.db.environment.POSTGRES_PASSWORD`. */
  readonly openSecrets: readonly string[];
}

/** Compose files take something from others, which only compose can put together. */
export function reachesOut(files: readonly ComposeText[]): boolean {
  return files.flatMap(readComposeYaml).some(({ root }) => {
    const { include, services } = root;
    const each = typeof services === "object" && services !== null ? Object.values(services) : [];
    return (
      include !== undefined ||
      each.some((one: unknown) => typeof one === "object" && one !== null && "extends" in one)
    );
  });
}

/**
 * Compose files as one, with their variables as they stand: what `docker compose config --no-interpolate` makes of them.
 * @throws Failure `stack.base_invalid` (exit 2)
 */
export function oneFile({ files, folders, projectName }: OneFileRequest): OneFile {
  const documents = files.flatMap(readWrittenCompose);
  const { version: _obsolete, name, ...merged } = mergeDocuments(documents);
  const ofFolder = path
    .basename(folders.project)
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/gu, "")
    .replace(/^[_-]+/u, "");
  const own = projectName ?? textOf(name) ?? ofFolder;
  const whole = withAbsolutePaths({ name: written(own), ...merged }, folders);
  const document = new Document(toNode(whole), { schema: "failsafe" });
  const text = document.toString({ lineWidth: 0 });
  return { text, variables: neededVariables(whole), openSecrets: openSecrets(whole) };
}

/** Keys that YAML, or a reader of its older versions, takes for a text as they stand. */
const plainKey = /^(?!(?:y|n|yes|no|on|off|true|false|null)$)[a-z_][\w./-]*$/iu;

function toNode(value: Written): Scalar | YAMLMap | YAMLSeq {
  if (isWrittenList(value)) {
    const list = new YAMLSeq();
    list.items = value.map(toNode);
    return list;
  }
  if (isWrittenMap(value)) {
    const map = new YAMLMap();
    map.items = Object.entries(value).map(([key, each]) => {
      const name = new Scalar(key);
      name.type = plainKey.test(key) ? Scalar.PLAIN : Scalar.QUOTE_DOUBLE;
      return new Pair(name, toNode(each));
    });
    return map;
  }
  const scalar = new Scalar(lettersOf(value));
  const isPlain = value.type === undefined || value.type === Scalar.PLAIN;
  scalar.type = value.type ?? Scalar.PLAIN;
  // An empty one would come out in quotes, which is a text.
  if (isPlain && scalar.value === "") scalar.value = "null";
  return scalar;
}

/** Every text that stands as a value, with the keys that lead there. */
function* textsOf(
  value: Written,
  at: readonly string[] = [],
): Generator<readonly [string, string]> {
  if (isWrittenList(value)) for (const each of value) yield* textsOf(each, at);
  else if (isWrittenMap(value)) {
    for (const [key, each] of Object.entries(value)) yield* textsOf(each, [...at, key]);
  } else if (isScalar(value)) yield [at.join("."), lettersOf(value)];
}

function neededVariables(root: WrittenMap): readonly string[] {
  const needed = new Set<string>();
  const onReference = ({ name, kind }: Reference) => {
    if (kind === "required" || kind === "plain") needed.add(name);
  };
  for (const [, text] of textsOf(root)) {
    try {
      substitute(text, { lookup: () => undefined, onReference });
    } catch (error) {
      // What compose does not take it tells by itself.
      if (!(error instanceof SubstitutionError)) throw error;
    }
  }
  return [...needed].toSorted();
}

const secretName =
  /(?:passw(?:or)?d|passphrase|secret|token|api_?key|private_?key|credentials?)$/iu;

function openSecrets(root: WrittenMap): readonly string[] {
  const services = root["services"];
  if (services === undefined || !isWrittenMap(services)) return [];
  return Object.entries(services).flatMap(([name, service]) => {
    const environment = isWrittenMap(service) ? service["environment"] : undefined;
    if (environment === undefined) return [];
    const pairs = isWrittenList(environment)
      ? environment.map((each) => (textOf(each) ?? "").split(/=(.*)/su))
      : [...textsOf(environment)];
    return pairs.flatMap(([key = "", value = ""]) =>
      secretName.test(key) && value !== "" && !value.includes("$")
        ? [`services.${name}.environment.${key}`]
        : [],
    );
  });
}
