import { join, resolve } from "node:path";
import type { Host } from "../../host/host.ts";
import { failure } from "../../run/failures/table.ts";
import { Secret } from "../../run/secret.ts";
import type { Credentials } from "./sign.ts";

/** Where a store is, and who we are to it. */
export interface S3Settings {
  /** Without a slash at its end; null for AWS itself. */
  readonly endpoint: string | null;
  readonly region: string;
  /** Null: requests are anonymous. */
  readonly credentials: Credentials | null;
}

type Place = Pick<Host, "env" | "home" | "cwd" | "files">;
type Section = ReadonlyMap<string, string>;

const maxFileBytes = 1024 * 1024;

/**
 * What the AWS tools would use: the environment first, then the profile of ~/.aws/credentials and ~/.aws/config
 * (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html). Asks no server.
 * @throws Failure `s3.no_profile`, `s3.profile_without_keys`, `s3.bad_setting` (exit 2)
 */
export async function findS3Settings(host: Place): Promise<S3Settings> {
  const value = (name: string): string | undefined => host.env[name]?.trim() || undefined;
  const named = value("AWS_PROFILE") ?? value("AWS_DEFAULT_PROFILE");
  const paths = {
    credentials: pathOf(host, value("AWS_SHARED_CREDENTIALS_FILE"), "credentials"),
    config: pathOf(host, value("AWS_CONFIG_FILE"), "config"),
  };
  const keys = await sectionsOf(host, paths.credentials);
  const config = await sectionsOf(host, paths.config);
  const profile = named ?? "default";
  const ofConfig =
    config.get(profile === "default" ? "default" : `profile ${profile}`) ??
    config.get(`profile ${profile}`);
  const ofKeys = keys.get(profile);
  const own = (name: string): string | undefined => ofKeys?.get(name) ?? ofConfig?.get(name);
  const services = config.get(`services ${own("services") ?? ""}`);
  const [source, endpoint] = firstOf([
    ["AWS_ENDPOINT_URL_S3", value("AWS_ENDPOINT_URL_S3")],
    ["AWS_ENDPOINT_URL", value("AWS_ENDPOINT_URL")],
    [`endpoint_url of the profile ${profile}`, services?.get("s3.endpoint_url")],
    [`endpoint_url of the profile ${profile}`, own("endpoint_url")],
  ]);
  return {
    endpoint: endpoint === undefined ? null : parsedEndpoint(source, endpoint),
    region: parsedRegion(
      value("AWS_REGION") ?? value("AWS_DEFAULT_REGION") ?? own("region") ?? "us-east-1",
    ),
    credentials: fromEnvironment() ?? fromProfile(),
  };

  function fromEnvironment(): Credentials | null {
    const [id, secret] = [value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY")];
    if (id === undefined || secret === undefined) return null;
    return credentials({ id, secret, session: value("AWS_SESSION_TOKEN") }, "AWS_ACCESS_KEY_ID");
  }
  function fromProfile(): Credentials | null {
    if (ofKeys === undefined && ofConfig === undefined) {
      if (named === undefined) return null;
      throw failure("s3.no_profile", { profile, files: [paths.credentials, paths.config] });
    }
    const [id, secret] = [own("aws_access_key_id"), own("aws_secret_access_key")];
    if (id !== undefined && secret !== undefined) {
      return credentials(
        { id, secret, session: own("aws_session_token") },
        `the profile ${profile}`,
      );
    }
    const way = ways.find(([name]) => own(name) !== undefined)?.[1];
    if (way !== undefined) throw failure("s3.profile_without_keys", { profile, way });
    return null;
  }
}

const ways = [
  ["sso_session", "single sign-on"],
  ["sso_start_url", "single sign-on"],
  ["role_arn", "assuming a role"],
  ["credential_process", "running a program"],
  ["web_identity_token_file", "a web identity"],
  ["login_session", "aws login"],
] as const;

function credentials(
  given: { readonly id: string; readonly secret: string; readonly session: string | undefined },
  where: string,
): Credentials {
  const { id, secret, session } = given;
  // A header may hold no others, and Node's words for that would show them.
  if (![id, secret, session ?? "x"].every((text) => /^[\x21-\x7e]+$/u.test(text))) {
    throw failure("s3.bad_setting", {
      name: `The credentials from ${where}`,
      problem: "contain characters that no key has",
    });
  }
  return {
    accessKeyId: id,
    secretAccessKey: new Secret(secret),
    sessionToken: session === undefined ? null : new Secret(session),
    where,
  };
}

function firstOf(rows: readonly (readonly [string, string | undefined])[]) {
  return (
    rows.find(([, value]) => value !== undefined && value !== "") ?? (["", undefined] as const)
  );
}

function parsedEndpoint(name: string, text: string): string {
  const url = URL.parse(text);
  const bad = (problem: string) => failure("s3.bad_setting", { name, problem });
  if (url !== null && (url.username !== "" || url.password !== "")) {
    throw bad("contains a user name or password, which does not belong there");
  }
  if (url === null || !/^https?:$/u.test(url.protocol) || url.search !== "" || url.hash !== "") {
    throw bad("is not an address such as https://minio.example:9000");
  }
  return url.href.replace(/\/+$/u, "");
}

function parsedRegion(text: string): string {
  if (isRegion(text)) return text;
  throw failure("s3.bad_setting", { name: "AWS_REGION", problem: "is not the name of a region" });
}

/** It becomes a part of host names. */
export function isRegion(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,40}$/iu.test(text);
}

function pathOf({ home, cwd }: Place, given: string | undefined, name: string): string {
  if (given === undefined) return join(home, ".aws", name);
  return resolve(cwd, given.replace(/^~(?=\/|$)/u, home));
}

/** An INI file as the AWS tools write it; a key below an empty one is `above.key`. A file that can't be read has none. */
async function sectionsOf({ files }: Place, path: string): Promise<ReadonlyMap<string, Section>> {
  const found = await files.stat(path).catch(() => null);
  const isFile = found?.isFile() === true && found.size <= maxFileBytes;
  const text = isFile ? await files.readFile(path, "utf8").catch(() => "") : "";
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | null = null;
  let above = "";
  for (const line of text.split(/\r?\n/u)) {
    if (/^\s*(?:[#;]|$)/u.test(line)) continue;
    const heading = /^\s*\[\s*(?<name>[^\]]+?)\s*\]/u.exec(line)?.groups?.["name"];
    if (heading !== undefined) {
      const name = heading.replaceAll(/\s+/gu, " ").replaceAll(/["']/gu, "");
      section = sections.get(name) ?? new Map<string, string>();
      sections.set(name, section);
      above = "";
      continue;
    }
    const pair = /^(?<indent>\s*)(?<key>[^=:\s]+)\s*[=:]\s*(?<value>.*?)(?:\s+[#;].*)?$/u.exec(
      line,
    );
    if (section === null || pair?.groups === undefined) continue;
    const { indent = "", key = "", value = "" } = pair.groups;
    const isBelow = indent !== "" && above !== "";
    if (!isBelow) above = value === "" ? key.toLowerCase() : "";
    section.set(isBelow ? `${above}.${key.toLowerCase()}` : key.toLowerCase(), value.trim());
  }
  return sections;
}
