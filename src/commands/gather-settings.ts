import path from "node:path";
import type { Stack } from "../catalog/stack.ts";
import { type Host, withoutVariable } from "../host/host.ts";
import { stackChosen } from "../catalog/capabilities.ts";
import type { Work } from "./command-request.ts";
import type { TokenAnswer } from "../plan/answers.ts";
import { namesOf, type QuestionId, questions } from "../plan/questions.ts";
import type { ConfigValues } from "../plan/config-file.ts";
import type { AnswerValues } from "../plan/resolve.ts";
import {
  parseCount,
  parsePort,
  parseRate,
  parseSwitch,
  type SettingId,
  settings,
  type SettingValues,
} from "../plan/settings.ts";
import { failure } from "../run/failures/table.ts";
import { Secret } from "../run/secret.ts";
import { parseEndpoints, expandPath, findEndpoint } from "../source/hub/environment.ts";
import { stackAnswersFile } from "../record/known-stacks.ts";
import { stateDirOf } from "../record/state-dir.ts";
import type { Fetching } from "./command-request.ts";
import { readKept } from "./remembered-answers.ts";
import { absolute, isCatalogName, openCatalog, readNamed } from "./open-catalog.ts";

/** What the arguments say, as it was typed, and what only the command line knows. */
export interface GivenSettings {
  readonly configFile: string | null;
  readonly questionFlags: Readonly<Partial<Record<QuestionId, string>>>;
  readonly settingFlags: Readonly<Partial<Record<SettingId, string>>>;
  /** This process goes on for another one, without a person: an empty token means that none is used. */
  readonly inBackground: boolean;
  /** Absolute: the folder that ships with heros. */
  readonly assetsDir: string;
  /** The whole standard input, for `--token-file -`. */
  readonly readInput: () => Promise<string>;
}

/** Everything that flags, environment and config file say, checked and made absolute. */
export interface GatheredSettings extends Fetching {
  /** Absolute: the folder that ships with heros. */
  readonly assetsDir: string;
  readonly stackDir: string;
  /** It was named; else it is the usual one. */
  readonly isStackDirGiven: boolean;
  /** One of those that were set up here, as it was typed. */
  readonly stack: string | null;
  /** Null where nothing names one: then the stack's own `.env` decides. */
  readonly port: number | null;
  readonly onlineTimeoutMs: number;
  /** From the weakest to the strongest: config file, environment, flags. */
  readonly decided: readonly AnswerValues[];
  /** Settings that were given, wherever; paths are absolute. */
  readonly given: SettingValues;
}

/** The same, and tells which stack they are about. @throws as `gatherSettings` */
export async function gatherTold(
  { host, emit }: Pick<Work, "host" | "emit">,
  options: GivenSettings,
): Promise<GatheredSettings> {
  const gathered = await gatherSettings(host, options);
  emit(stackChosen(gathered.catalog));
  return gathered;
}

/** Tells which stack it is about after all, where that is another one than `gatherTold` told. */
export function tellOther(
  { emit }: Pick<Work, "emit">,
  told: Pick<GatheredSettings, "catalog">,
  { catalog }: Pick<GatheredSettings, "catalog">,
): void {
  if (catalog !== told.catalog) emit(stackChosen(catalog));
}

/** The work about a stack: its own `.env` says which port it has, whatever the shell says. */
export function ofStack(work: Work, { catalog }: Pick<GatheredSettings, "catalog">): Work {
  const { port } = catalog.stack;
  return port === null ? work : { ...work, host: withoutVariable(work.host, port.variable) };
}

/**
 * Reads the settings of a run.
 * @throws Failure `config.…`, `catalog.…`, `settings.…`, `token.…` (exit 2)
 */
export async function gatherSettings(
  host: Host,
  options: GivenSettings,
): Promise<GatheredSettings> {
  const { config, given, setting, nameOf } = await readGiven(host, options);
  const folder = (id: SettingId): string | null => {
    const value = setting(id);
    return value === null ? null : absolute(host, value);
  };
  const layers = [
    answersOf(host, (question) =>
      joined(namesOf(question).map(({ configKey }) => config[configKey])),
    ),
    answersOf(host, (question) =>
      joined(namesOf(question).map((each) => valuesOf(question, host.env[each.environment]))),
    ),
    answersOf(host, (question) => valuesOf(question, options.questionFlags[question.id])),
  ];
  const cacheStrength = given("cacheDir").findLastIndex((value) => value !== undefined);
  const storageStrength = layers.findLastIndex(({ storage }) => storage !== undefined);
  const cacheDir = cacheStrength >= storageStrength ? folder("cacheDir") : null;
  const stateDir = stateDirOf(host);
  const namedDir = folder("stackDir");
  // A stack that was set up here keeps its catalog.
  const known = setting("catalog") ?? (namedDir && (await keptCatalog(host, stateDir, namedDir)));
  const catalog = await openCatalog(host, options.assetsDir, known);
  const { stack } = catalog;
  const endpoint = setting("endpoint");
  const [first, ...mirrors] =
    endpoint === null ? [findEndpoint(host.env)] : parseEndpoints(nameOf("endpoint"), endpoint);
  const limitRate = setting("limitRate");
  const maxConnections = setting("maxConnections");
  const keepImages = setting("keepImages");
  const ownPort = setting("port");
  const onlineTimeout = setting("onlineTimeout");
  return {
    assetsDir: options.assetsDir,
    catalog,
    endpoint: first,
    mirrors,
    cacheDir,
    stackDir: namedDir ?? path.join(host.home, stack.id),
    isStackDirGiven: setting("stackDir") !== null,
    stack: setting("stack"),
    stateDir,
    limitBytesPerSecond: limitRate === null ? null : parseRate(nameOf("limitRate"), limitRate),
    maxConnections:
      maxConnections === null ? null : parseCount(nameOf("maxConnections"), maxConnections),
    keepImages: keepImages === null ? false : parseSwitch(nameOf("keepImages"), keepImages),
    port: ownPort === null ? portOf(host, stack) : parsePort(nameOf("port"), ownPort),
    onlineTimeoutMs:
      onlineTimeout === null ? 600_000 : parseCount(nameOf("onlineTimeout"), onlineTimeout) * 1000,
    tokenFile: await readTokenFile(host, options, config),
    decided: layers,
    given: Object.fromEntries(
      settings.flatMap(({ id, flag, serveOnly }) => {
        // A catalog of ours is known by its name.
        const isName = id === "catalog" && isCatalogName(setting("catalog") ?? "");
        const isPath = !isName && /<(?:dir|file)>/.test(flag);
        // A setup knows no other stack than its own, and serves nothing.
        if (id === "stack" || serveOnly === true) return [];
        const value = id === "cacheDir" ? cacheDir : isPath ? folder(id) : setting(id);
        return value === null ? [] : [[id, value]];
      }),
    ),
  };
}

/** What flags, environment and config file say of settings. */
interface GivenValues {
  readonly config: ConfigValues;
  /** From the weakest to the strongest: config file, environment, flags. */
  readonly given: (id: SettingId) => readonly (string | undefined)[];
  /** The strongest; null where none says anything. */
  readonly setting: (id: SettingId) => string | null;
  /** What it was given as, for who has to change it. */
  readonly nameOf: (id: SettingId) => string;
}

/** @throws Failure `config.…` (exit 2) */
export async function readGiven(
  host: Host,
  options: Pick<GivenSettings, "configFile" | "settingFlags">,
): Promise<GivenValues> {
  const configFile = options.configFile ?? nonEmpty(host.env["HEROS_CONFIG"]);
  const config = configFile === null ? {} : await readConfig(host, configFile);
  const given = (id: SettingId): readonly (string | undefined)[] => {
    const row = settings.find((candidate) => candidate.id === id);
    if (row === undefined) return [];
    const names = [row, row.otherName ?? row];
    const [inConfig] = names.flatMap(({ configKey }) => config[configKey]?.join(",") ?? []);
    const [inEnvironment] = names.flatMap(
      ({ environment }) => nonEmpty(host.env[environment]) ?? [],
    );
    return [inConfig, inEnvironment, options.settingFlags[id]];
  };
  const setting = (id: SettingId) => given(id).findLast((value) => value !== undefined) ?? null;
  const nameOf = (id: SettingId): string => {
    const row = settings.find((candidate) => candidate.id === id);
    if (row === undefined) return id;
    const each = [row, row.otherName ?? row];
    const { configKey } = each.find((name) => config[name.configKey] !== undefined) ?? row;
    const { environment } =
      each.find((name) => nonEmpty(host.env[name.environment]) !== null) ?? row;
    const names = [`${configKey} in ${configFile ?? ""}`, environment];
    const strength = given(id).findLastIndex((value) => value !== undefined);
    return names[strength] ?? row.flag.replace(/ .*/, "");
  };
  return { config, given, setting, nameOf };
}

/** As the shell's own variable of the stack says; null where it says nothing. @throws Failure `settings.bad_value` (exit 2) */
function portOf({ env }: Pick<Host, "env">, { port }: Stack): number | null {
  const value = port === null ? null : nonEmpty(env[port.variable]);
  return port === null || value === null ? null : parsePort(port.variable, value);
}

/** The catalog that the stack in a folder was set up with; null where it is the default, or nobody knows. */
async function keptCatalog(host: Host, stateDir: string, stackDir: string): Promise<string | null> {
  return (await readKept(host, stackAnswersFile(stateDir, stackDir)))?.given.catalog ?? null;
}

/**
 * The same settings for one of the stacks that were set up here: with its own catalog, unless one is named.
 * @throws Failure `catalog.…` (exit 2)
 */
export async function settingsIn(
  host: Host,
  of: GatheredSettings,
  stackDir: string,
): Promise<GatheredSettings> {
  const { stateDir, given } = of;
  const own = given.catalog === undefined ? await keptCatalog(host, stateDir, stackDir) : null;
  if (own === null) return { ...of, stackDir };
  return { ...(await settingsFor(host, of, own)), stackDir };
}

/** The same settings with another catalog, as if it had been named: `given` has it, too. */
export async function settingsFor(
  host: Host,
  of: GatheredSettings,
  name: string,
): Promise<GatheredSettings> {
  const { assetsDir, given, isStackDirGiven } = of;
  const catalog = await openCatalog(host, assetsDir, name);
  const { stack } = catalog;
  const port = given.port === undefined ? portOf(host, stack) : of.port;
  const stackDir = isStackDirGiven ? of.stackDir : path.join(host.home, stack.id);
  return { ...of, catalog, port, stackDir, given: { ...given, catalog: name } };
}

async function readConfig(host: Host, file: string): Promise<ConfigValues> {
  const { parseConfig } = await import("../plan/config-file.ts");
  return parseConfig(await readNamed(host, "config", file), file);
}

async function readTokenFile(
  host: Host,
  options: GivenSettings,
  config: ConfigValues,
): Promise<TokenAnswer | null> {
  const row = questions.find((question) => question.id === "token");
  if (row === undefined) return null;
  const file =
    options.questionFlags.token ??
    nonEmpty(host.env[row.environment]) ??
    config[row.configKey]?.[0] ??
    null;
  if (file === null) return null;
  const piped = file === standardInput;
  const value = (piped ? await options.readInput() : await readNamed(host, "token", file)).trim();
  // Who started the run that this one goes on for chose to use none, whatever could be found.
  if (piped && value === "" && options.inBackground) return { source: "none" };
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw failure("token.malformed", { where: piped ? "Standard input" : file });
  }
  return { source: "token-file", token: new Secret(value) };
}

const standardInput = "-";

/** What all names of a question say together; nothing where none says anything. */
function joined(given: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  const values = given.flatMap((each) => each ?? []);
  return values.length === 0 ? undefined : values;
}

function answersOf(
  host: Host,
  valueOf: (question: (typeof questions)[number]) => readonly string[] | undefined,
): AnswerValues {
  return Object.fromEntries(
    questions.flatMap((question) => {
      const values = valueOf(question);
      if (values === undefined) return [];
      const isPath = question.kind === "path";
      return [[question.id, isPath ? values.map((value) => expandPath(value, host)) : values]];
    }),
  );
}

function valuesOf(
  { kind }: (typeof questions)[number],
  value: string | undefined,
): readonly string[] | undefined {
  if (value === undefined || value === "") return undefined;
  return kind === "many" ? value.split(",") : [value];
}

function nonEmpty(value: string | undefined): string | null {
  return value === undefined || value === "" ? null : value;
}
