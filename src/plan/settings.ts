import { failure } from "../run/failures/table.ts";

export type SettingId =
  | "stackDir"
  | "stack"
  | "cacheDir"
  | "endpoint"
  | "catalog"
  | "limitRate"
  | "maxConnections"
  | "keepImages"
  | "port"
  | "onlineTimeout"
  | "listen"
  | "upstream"
  | "serveTokens"
  | "tlsCert"
  | "tlsKey"
  | "allowHost"
  | "announce"
  | "watchers"
  | "allowOrigin";

/** Another flag, variable and key of the same question or setting. */
export interface OtherName {
  readonly flag: string;
  readonly argument: string;
  readonly summary: string;
  readonly environment: string;
  readonly configKey: string;
}

/** A setting that nobody is asked for: flag, environment variable, config key and help in one place, as the questions have theirs. */
export interface Setting {
  readonly id: SettingId;
  /** With its argument, as `--help` shows it; one without is a switch, whose value is yes or no. */
  readonly flag: string;
  readonly environment: string;
  /** As in the config file. */
  readonly configKey: string;
  readonly help: string;
  /** `heros pull` has it too. */
  readonly pull: boolean;
  /** `heros serve` alone has it. */
  readonly serveOnly?: true;
  /** Several values: the flag given again, commas, or a list in the config file. */
  readonly many?: true;
  /** It is known by these too, which no help shows. */
  readonly otherName?: Pick<Setting, "flag" | "environment" | "configKey">;
}

export const settings: readonly Setting[] = [
  {
    id: "stackDir",
    flag: "--stack-dir <dir>",
    environment: "HEROS_STACK_DIR",
    configKey: "stackDir",
    help: "the stack's folder, with its compose files (default: ~/ and its name)",
    pull: true,
  },
  {
    id: "stack",
    flag: "--stack <stack>",
    environment: "HEROS_STACK",
    configKey: "stack",
    help: "one of several stacks on this machine: its folder, or the name of its folder; wins over --stack-dir",
    pull: false,
  },
  {
    id: "cacheDir",
    flag: "--cache-dir <dir>",
    environment: "HEROS_CACHE_DIR",
    configKey: "cacheDir",
    help: "Hub cache that holds the models--* folders (default: HF_HUB_CACHE, else where the last setup put them, else ~/.cache/huggingface/hub)",
    pull: true,
  },
  {
    id: "endpoint",
    flag: "--endpoint <url>",
    environment: "HEROS_ENDPOINT",
    configKey: "endpoint",
    help: "another Hub, a mirror, or a bucket (s3://BUCKET/PREFIX); separate several with commas, in order of preference; only the first gets the token (default: HF_ENDPOINT, else https://huggingface.co)",
    pull: true,
    many: true,
  },
  {
    id: "catalog",
    flag: "--catalog <file>",
    environment: "HEROS_CATALOG",
    configKey: "catalog",
    help: "another stack: a catalog file, or the name of one that heros catalog ls shows",
    pull: true,
  },
  {
    id: "limitRate",
    flag: "--limit-rate <rate>",
    environment: "HEROS_LIMIT_RATE",
    configKey: "limitRate",
    help: "maximum download speed, for example 50M for 50 MB per second",
    pull: true,
  },
  {
    id: "maxConnections",
    flag: "--max-connections <n>",
    environment: "HEROS_MAX_CONNECTIONS",
    configKey: "maxConnections",
    otherName: {
      flag: "--max-lanes <n>",
      environment: "HEROS_MAX_LANES",
      configKey: "maxLanes",
    },
    help: "maximum number of parallel connections",
    pull: true,
  },
  {
    id: "keepImages",
    flag: "--keep-images",
    environment: "HEROS_KEEP_IMAGES",
    configKey: "keepImages",
    help: "keep a copy of downloaded images once Docker has them, to hand them on (default: no)",
    pull: true,
  },
  {
    id: "port",
    flag: "--port <n>",
    environment: "HEROS_PORT",
    configKey: "port",
    help: "port of the stack (default: its variable, else that of an earlier setup, else its usual one)",
    pull: false,
  },
  {
    id: "onlineTimeout",
    flag: "--online-timeout <seconds>",
    environment: "HEROS_ONLINE_TIMEOUT",
    configKey: "onlineTimeout",
    otherName: {
      flag: "--annie-timeout <seconds>",
      environment: "HEROS_ANNIE_TIMEOUT",
      configKey: "annieTimeout",
    },
    help: "seconds to wait for the stack once its models are ready (default: 600)",
    pull: false,
  },
  {
    id: "listen",
    flag: "--listen <host:port>",
    environment: "HEROS_LISTEN",
    configKey: "listen",
    help: "address of this machine and port; 0.0.0.0:7171 for the network (default: 127.0.0.1:7171)",
    pull: false,
    serveOnly: true,
  },
  {
    id: "upstream",
    flag: "--upstream <url>",
    environment: "HEROS_UPSTREAM",
    configKey: "upstream",
    help: "Hub that is asked for what this machine does not have (default: HF_ENDPOINT, else https://huggingface.co)",
    pull: false,
    serveOnly: true,
  },
  {
    id: "serveTokens",
    flag: "--token-file <file>",
    environment: "HEROS_SERVE_TOKEN_FILE",
    configKey: "serveTokenFile",
    help: "file with this server's own tokens, one on each line, which only you may read; clients with one get gated models, too",
    pull: false,
    serveOnly: true,
  },
  {
    id: "tlsCert",
    flag: "--tls-cert <file>",
    environment: "HEROS_TLS_CERT",
    configKey: "tlsCert",
    help: "certificate of this server, and those above it (PEM)",
    pull: false,
    serveOnly: true,
  },
  {
    id: "tlsKey",
    flag: "--tls-key <file>",
    environment: "HEROS_TLS_KEY",
    configKey: "tlsKey",
    help: "private key of the certificate (PEM)",
    pull: false,
    serveOnly: true,
  },
  {
    id: "allowHost",
    flag: "--allow-host <name>",
    environment: "HEROS_ALLOW_HOST",
    configKey: "allowHost",
    help: "name by which clients know this server, besides addresses and names of a local network",
    pull: false,
    serveOnly: true,
    many: true,
  },
  {
    id: "announce",
    flag: "--announce",
    environment: "HEROS_ANNOUNCE",
    configKey: "announce",
    help: "have heros setup find this server on other machines of the network, by multicast DNS (default: no)",
    pull: false,
    serveOnly: true,
  },
  {
    id: "watchers",
    flag: "--watchers <who>",
    environment: "HEROS_WATCHERS",
    configKey: "watchers",
    help: "who may read /metrics and /events: machine (this machine, and clients with a token over TLS), network (everyone) or nobody (default: machine)",
    pull: false,
    serveOnly: true,
  },
  {
    id: "allowOrigin",
    flag: "--allow-origin <url>",
    environment: "HEROS_ALLOW_ORIGIN",
    configKey: "allowOrigin",
    help: "web page that may read /metrics and /events in a browser, by its origin: http://spark-1:8000",
    pull: false,
    serveOnly: true,
    many: true,
  },
];

/** Values of settings, as they were given. */
export type SettingValues = Readonly<Partial<Record<SettingId, string>>>;

/** The flags that give these values again. */
export function settingFlags(given: SettingValues): string[] {
  return settings.flatMap(({ id, flag }) => {
    const value = given[id];
    const [name = flag, argument] = flag.split(" ");
    if (value === undefined) return [];
    if (argument === undefined) return parseSwitch(name, value) ? [name] : [];
    return [name, value];
  });
}

/**
 * A rate as people write it: `50M`, `800k`, `1.5G`, `1000000`, in powers of 1000.
 * @param name what it was given as: a flag, a variable, a key of the config file
 * @returns bytes a second
 * @throws Failure `settings.bad_value` (exit 2)
 */
export function parseRate(name: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)(?:b?(?:\/s)?)$/i.exec(text.trim());
  const powers: Record<string, number> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };
  const rate = Number(match?.[1]) * (powers[(match?.[2] ?? "").toLowerCase()] ?? Number.NaN);
  if (!(rate >= 1))
    throw failure("settings.bad_value", {
      name,
      value: text,
      right: "a rate, for example 50M or 800k",
    });
  return Math.round(rate);
}

/**
 * A whole number from 1.
 * @throws Failure `settings.bad_value` (exit 2)
 */
export function parseCount(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text.trim()))
    throw failure("settings.bad_value", {
      name,
      value: text,
      right: "a whole number of at least 1",
    });
  return Number(text);
}

/**
 * What a switch is set to: by its flag alone, or `yes` and `no` in a variable or a config file.
 * @throws Failure `settings.bad_value` (exit 2)
 */
export function parseSwitch(name: string, text: string): boolean {
  const value = text.trim().toLowerCase();
  if (/^(?:yes|true|on|1)$/.test(value)) return true;
  if (/^(?:no|false|off|0)$/.test(value)) return false;
  throw failure("settings.bad_value", { name, value: text, right: "yes or no" });
}

/**
 * A TCP port.
 * @throws Failure `settings.bad_value` (exit 2)
 */
export function parsePort(name: string, text: string): number {
  const port = /^\d{1,5}$/.test(text.trim()) ? Number(text) : 0;
  if (port < 1 || port > 65_535)
    throw failure("settings.bad_value", { name, value: text, right: "a number from 1 to 65535" });
  return port;
}
