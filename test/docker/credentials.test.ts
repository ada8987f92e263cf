import { chmod, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { findRegistryLogin } from "../../src/docker/credentials.ts";
import { realHost } from "../../src/host/real-host.ts";
import type { FoundLogin } from "../../src/run/secret.ts";
import { temporaryFolder } from "../deploy/compose/fixtures.ts";

const { signal } = new AbortController();
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const hub = "https://index.docker.io/v1/";

interface Machine {
  readonly config?: object | string;
  /** Scripts by the names of helpers. */
  readonly helpers?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** What is found for a registry on a machine with this config.json and these helpers; secrets are shown. */
async function find(registry: string, { config, helpers = {}, env = {} }: Machine) {
  const home = await temporaryFolder();
  await mkdir(path.join(home, ".docker"));
  await mkdir(path.join(home, "bin"));
  if (config !== undefined) {
    const text = typeof config === "string" ? config : JSON.stringify(config);
    await writeFile(path.join(home, ".docker/config.json"), text);
  }
  for (const [name, script] of Object.entries(helpers)) {
    const file = path.join(home, "bin", `docker-credential-${name}`);
    await writeFile(file, `#!/bin/sh\n${script}\n`);
    await chmod(file, 0o755);
  }
  const variables = { PATH: `${home}/bin:/usr/bin:/bin`, HOME: home, ...env };
  const host = realHost({
    env: variables,
    home,
    cwd: home,
    pid: 1,
    platform: "linux",
    nodeArch: "x64",
  });
  const found = await findRegistryLogin(host, registry, signal);
  host.network.close();
  return { ...shown(found), text: JSON.stringify(found), home };
}

function shown({ login, problem }: FoundLogin) {
  if (login === null) return { login, problem };
  return login.kind === "password"
    ? { login: `${login.username}:${login.password.reveal()}`, problem }
    : { login: `token ${login.token.reveal()}`, problem };
}

const none = { login: null, problem: null };
const annies = { login: "annie:s3cret:with:colons", problem: null };
const auth = base64("annie:s3cret:with:colons");

test.each([
  ["by its host", "ghcr.io", { "ghcr.io": { auth } }],
  ["by its host and port", "127.0.0.1:5000", { "127.0.0.1:5000": { auth } }],
  ["by an address, as old files have it", "ghcr.io", { "https://ghcr.io/v1/": { auth } }],
  ["of Docker Hub", "docker.io", { [hub]: { auth } }],
  ["of Docker Hub by its name", "docker.io", { "docker.io": { auth } }],
  [
    "with zeros at its end",
    "ghcr.io",
    { "ghcr.io": { auth: base64("annie:s3cret:with:colons\0\0") } },
  ],
  [
    "in two fields",
    "ghcr.io",
    { "ghcr.io": { username: "annie", password: "s3cret:with:colons" } },
  ],
  [
    "by the exact key first",
    "ghcr.io",
    { "http://ghcr.io": { auth: base64("a:b") }, "ghcr.io": { auth } },
  ],
  ["beside an entry that is odd", "ghcr.io", { "a.io": 7, "ghcr.io": { auth, email: 3 } }],
])("a login is found in config.json %s", async (_, registry, auths) => {
  expect(await find(registry, { config: { auths } })).toMatchObject(annies);
});

test.each([
  ["no config.json", {}],
  ["a config.json without logins", { config: {} }],
  ["a login for another registry", { config: { auths: { "quay.io": { auth } } } }],
  ["another port", { config: { auths: { "ghcr.io:5000": { auth } } } }],
  ["an entry that is empty, as a helper leaves it", { config: { auths: { "ghcr.io": {} } } }],
  ["an entry that is no base64 of a pair", { config: { auths: { "ghcr.io": { auth: "%%" } } } }],
  ["auths of another type", { config: { auths: [1, 2], credHelpers: "x", credsStore: 7 } }],
])("%s is no login, and no problem", async (_, machine) => {
  expect(await find("ghcr.io", machine)).toMatchObject(none);
});

test("an identity token is one, in a file and from a helper", async () => {
  const auths = { "acr.io": { auth: base64("00000000-0000:"), identitytoken: "ey.refresh" } };
  expect(await find("acr.io", { config: { auths } })).toMatchObject({ login: "token ey.refresh" });
  const helpers = { acr: `echo '{"Username":"<token>","Secret":"ey.refresh"}'` };
  const config = { credHelpers: { "acr.io": "acr" } };
  expect(await find("acr.io", { config, helpers })).toMatchObject({ login: "token ey.refresh" });
});

const helper = (login: string) => `read server || true
echo "$server" >"$HOME/asked"
echo '{"ServerURL":"x","Username":"${login}","Secret":"of $server"}' | sed "s|\\$server|$server|"`;

test.each([
  ["docker.io", `one:of ${hub}`],
  ["ghcr.io", "one:of ghcr.io"],
  ["quay.io", "two:of quay.io"],
])("the helper of %s is run as docker runs it", async (registry, login) => {
  const config = { credsStore: "one", credHelpers: { "quay.io": "two" }, auths: { "ghcr.io": {} } };
  const helpers = { one: helper("one"), two: helper("two") };
  expect(await find(registry, { config, helpers })).toMatchObject({ login, problem: null });
});

test.each([
  ["has nothing", "echo 'credentials not found in native keychain'; exit 1", null],
  ["is not installed", null, "docker-credential-store is not installed"],
  ["fails", "echo 'no display' >&2; exit 3", "docker-credential-store failed with status 3"],
  ["prints no login", "echo hello", "docker-credential-store printed something else than a login"],
  // Either it is stopped, or it notices first that nobody reads it any more.
  [
    "prints without end",
    "yes s3cret",
    expect.stringMatching(
      /^docker-credential-store (was stopped|failed with status \d+)$/,
    ) as string,
  ],
])("a helper that %s is told of as it is", async (_, script, problem) => {
  const helpers: Record<string, string> = script === null ? {} : { store: script };
  const config = { credsStore: "store" };
  expect(await find("ghcr.io", { config, helpers })).toMatchObject({ login: null, problem });
});

test("a helper's name leads to no file elsewhere", async () => {
  const config = { credsStore: "../../../../bin/true" };
  const { login, problem } = await find("ghcr.io", { config });
  expect(login).toBeNull();
  expect(problem).toMatch(/can't be a helper's name/);
});

test("DOCKER_AUTH_CONFIG comes before config.json, and DOCKER_CONFIG says where that is", async () => {
  const env = { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { "ghcr.io": { auth } } }) };
  const config = {
    auths: { "ghcr.io": { auth: base64("a:b") }, "quay.io": { auth: base64("c:d") } },
  };
  expect(await find("ghcr.io", { config, env })).toMatchObject(annies);
  expect(await find("quay.io", { config, env })).toMatchObject({ login: "c:d" });
  const elsewhere = { DOCKER_CONFIG: "/no/such/folder" };
  expect(await find("ghcr.io", { config, env: elsewhere })).toMatchObject(none);
});

test("a config.json that can't be read is a problem that names it", async () => {
  const broken = await find("ghcr.io", { config: "{" });
  expect(broken.problem).toBe(`${broken.home}/.docker/config.json is not valid JSON`);
  const huge = await find("ghcr.io", { config: " ".repeat(9 * 1024 * 1024) });
  expect(huge.problem).toBe(`${huge.home}/.docker/config.json is not a file of text`);
});

test("no secret shows where a login is written down", async () => {
  const { text } = await find("ghcr.io", { config: { auths: { "ghcr.io": { auth } } } });
  expect(text).not.toContain("s3cret");
  expect(text).not.toContain(auth);
});
