import path from "node:path";
import type { Host } from "../host/host.ts";
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
import {
  parseEndpoints,
  expandPath,
  findEndpoint,
  cacheVariable,
  findCacheDir,
} from "../source/hub/environment.ts";
import { stackAnswersFile } from "../record/known-stacks.ts";
import { readState, stateDirOf } from "../record/state-dir.ts";
import type { Fetching } from "./command-request.ts";
import { absolute, isCatalogName, openCatalog, readNamed } from "./open-catalog.ts";
import { writeAtomically } from "../host/text-files.ts";
import { mountOf } from "../plan/storage.ts";
import type { Interview } from "../plan/interview.ts";
import { isRecord, parseJson } from "../run/json.ts";

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
  readonly stackDir: string;
  /** It was named; else it is the usual one. */
  readonly isStackDirGiven: boolean;
  /** One of those that were set up here, as it was typed. */
  readonly stack: string | null;
  /** Null where nothing names one: then the stack's own `.env` decides. */
  readonly port: number | null;
  readonly annieTimeoutMs: number;
  /** From the weakest to the strongest: config file, environment, flags. */
  readonly decided: readonly AnswerValues[];
  /** Settings that were given, wherever; paths are absolute. */
  readonly given: SettingValues;
}

/**
 * Reads the settings of a run.
 * @throws Failure `config.…`, `catalog.…`, `settings.…`, `token.…` (exit 2)
 */
export async function gatherSettings(
  host: Host,
  options: GivenSettings,
): Promise<GatheredSettings> {
  const configFile = options.configFile ?? nonEmpty(host.env["HEROS_CONFIG"]);
  const config = configFile === null ? {} : await readConfig(host, configFile);
  /** From the weakest to the strongest: config file, environment, flags. */
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
  /** What it was given as, for who has to change it. */
  const nameOf = (id: SettingId): string => {
    const row = settings.find((candidate) => candidate.id === id);
    if (row === undefined) return id;
    const names = [`${row.configKey} in ${configFile ?? ""}`, row.environment];
    const strength = given(id).findLastIndex((value) => value !== undefined);
    return names[strength] ?? row.flag.replace(/ .*/, "");
  };
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
  const catalog = await openCatalog(host, options.assetsDir, setting("catalog"));
  const { stack } = catalog;
  const endpoint = setting("endpoint");
  const [first, ...mirrors] =
    endpoint === null ? [findEndpoint(host.env)] : parseEndpoints(nameOf("endpoint"), endpoint);
  const limitRate = setting("limitRate");
  const maxConnections = setting("maxConnections");
  const keepImages = setting("keepImages");
  const ownPort = setting("port");
  const portVariable = stack.port?.variable ?? null;
  const port = ownPort ?? (portVariable === null ? null : nonEmpty(host.env[portVariable]));
  const annieTimeout = setting("annieTimeout");
  return {
    catalog,
    endpoint: first,
    mirrors,
    cacheDir,
    stackDir: folder("stackDir") ?? path.join(host.home, stack.id),
    isStackDirGiven: setting("stackDir") !== null,
    stack: setting("stack"),
    stateDir: stateDirOf(host),
    limitBytesPerSecond: limitRate === null ? null : parseRate(nameOf("limitRate"), limitRate),
    maxConnections:
      maxConnections === null ? null : parseCount(nameOf("maxConnections"), maxConnections),
    keepImages: keepImages === null ? false : parseSwitch(nameOf("keepImages"), keepImages),
    port:
      port === null
        ? null
        : parsePort(ownPort === null ? (portVariable ?? "") : nameOf("port"), port),
    annieTimeoutMs:
      annieTimeout === null ? 600_000 : parseCount(nameOf("annieTimeout"), annieTimeout) * 1000,
    tokenFile: await readTokenFile(host, options, config),
    decided: layers,
    given: Object.fromEntries(
      settings.flatMap(({ id, flag }) => {
        // A catalog of ours is known by its name.
        const isName = id === "catalog" && isCatalogName(setting("catalog") ?? "");
        const isPath = !isName && /<(?:dir|file)>/.test(flag);
        // A setup knows no other stack than its own.
        if (id === "stack") return [];
        const value = id === "cacheDir" ? cacheDir : isPath ? folder(id) : setting(id);
        return value === null ? [] : [[id, value]];
      }),
    ),
  };
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

/** The environment names another cache than the remembered one, and wins. */
export interface Overruled {
  readonly variable: string;
  /** The remembered one. */
  readonly cacheDir: string;
  readonly instead: string;
}

export interface RememberedAnswers {
  readonly answers: AnswerValues;
  readonly earlier: Interview["earlier"];
  /** Absolute: where the last setup that got its consent put the models. Null too where the environment overrules it. */
  readonly cacheDir: string | null;
  readonly overruled: Overruled | null;
  /** Storages that models may still have to be taken over from: those of setups before this one. */
  readonly former: readonly string[];
  /** Settings that were given, for who continues without a word. */
  readonly given: SettingValues;
}

/** As in the file. */
interface Kept {
  /** False while a wizard or the work after it is under way. */
  readonly finished: boolean;
  readonly cacheDir: string | null;
  readonly answers: AnswerValues;
  readonly given: SettingValues;
  /** Left by setups that came to no end after another storage was chosen. */
  readonly former: readonly string[];
}

/** Of the last setup, of whatever stack. */
function lastFile(stateDir: string): string {
  return path.join(stateDir, "answers.json");
}

/**
 * The answers of the stack's last setup, else of the last setup here; none where there are none or they can't be read.
 * @param stackDir left out for the last setup, of whatever stack
 */
export async function recallAnswers(
  host: Host,
  stateDir: string,
  stackDir?: string,
): Promise<RememberedAnswers> {
  const kept = await recallKept(host, stateDir, stackDir);
  if (kept === null) {
    return { answers: {}, earlier: "none", cacheDir: null, overruled: null, former: [], given: {} };
  }
  const { answers, cacheDir, finished, given } = kept;
  const former = formerOf(kept);
  const earlier = finished ? "finished" : "interrupted";
  const { storage, ...others } = answers;
  const variable = cacheVariable(host.env);
  const instead = findCacheDir(host);
  const place = cacheDir ?? (storage?.[0]?.startsWith("/") === true ? storage[0] : null);
  if (variable === null || place === instead) {
    return { answers, earlier, cacheDir, overruled: null, former, given };
  }
  const overruled = place === null ? null : { variable, cacheDir: place, instead };
  return { answers: others, earlier, cacheDir: null, overruled, former, given };
}

/** A volume is found by its name alone; a folder that was given or agreed to, by its path. */
function formerOf({ answers, cacheDir, former, finished }: Kept): string[] {
  const volume = answers.storage?.find((storage) => mountOf(storage).kind !== "folder");
  const places = [volume, cacheDir, ...(finished ? [] : former)];
  return [...new Set(places.filter((place) => typeof place === "string"))];
}

async function recallKept(host: Host, stateDir: string, stackDir?: string): Promise<Kept | null> {
  const own = stackDir && (await readKept(host, stackAnswersFile(stateDir, stackDir)));
  return own || readKept(host, lastFile(stateDir));
}

/** Checked by hand: what checks everything else would be loaded by each pull for this alone. */
async function readKept(host: Host, file: string): Promise<Kept | null> {
  const kept = parseJson(await readState(host.files, file));
  if (!isRecord(kept) || kept["version"] !== 1 || !isRecord(kept["answers"])) return null;
  const { finished, cacheDir, answers } = kept;
  const given = isRecord(kept["given"]) ? kept["given"] : {};
  return {
    finished: finished === true,
    former: isTexts(kept["former"]) ? kept["former"] : [],
    cacheDir: typeof cacheDir === "string" && path.isAbsolute(cacheDir) ? cacheDir : null,
    given: Object.fromEntries(
      settings.flatMap(({ id }) => (typeof given[id] === "string" ? [[id, given[id]]] : [])),
    ),
    answers: Object.fromEntries(
      questions.flatMap(({ id, remembered }) => {
        // Sets of models were numbers once, and called otherwise.
        const values = answers[id] ?? (id === "groups" ? answers["tiers"] : undefined);
        return remembered && isTexts(values) ? [[id, values]] : [];
      }),
    ),
  };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** Keeps answers for the next run. They never hold a token; a state folder that can't be written is no reason to stop. */
export async function rememberAnswers(
  host: Host,
  {
    stateDir,
    ...kept
  }: {
    readonly stateDir: string;
    /** Absolute: the stack that they are about. */
    readonly stackDir: string;
    readonly answers: AnswerValues;
    readonly finished: boolean;
    readonly given?: SettingValues;
    /** Left out before there is consent: then the models are still where they were. */
    readonly cacheDir?: string;
  },
): Promise<void> {
  const before = await recallKept(host, stateDir, kept.stackDir);
  const cacheDir = kept.cacheDir ?? before?.cacheDir ?? null;
  const { stackDir, answers, finished, given = {} } = kept;
  const now = [cacheDir, ...(answers.storage ?? [])];
  const former = finished || before === null ? [] : formerOf(before);
  const text = JSON.stringify({
    version: 1,
    stackDir,
    finished,
    cacheDir,
    answers,
    given,
    former: former.filter((place) => !now.includes(place)),
  });
  try {
    const own = stackAnswersFile(stateDir, stackDir);
    await host.files.mkdir(path.dirname(own), { recursive: true, mode: 0o700 });
    const written = { host, content: `${text}\n`, mode: 0o600, durable: false };
    for (const file of [own, lastFile(stateDir)]) await writeAtomically({ ...written, path: file });
  } catch {
    return;
  }
}
