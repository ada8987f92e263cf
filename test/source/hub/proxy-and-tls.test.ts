import { execFile } from "node:child_process";
import { copyFile, mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { makeSandbox, type HerosRun, type Sandbox } from "../../cli/sandbox.ts";
import { catalogOf, failureOf, hosted } from "../../cli/wrong-input.ts";
import { startGuardedHub, startProxy } from "./guarded-net.ts";

const token = "hf_good_token";
let caches = 0;

/** The built program, for Node reads certificates once, when it starts. */
async function pull(
  sandbox: Sandbox,
  endpoint: string,
  env: Readonly<Record<string, string>>,
): Promise<HerosRun> {
  const catalog = await catalogOf(sandbox, "demo/voice");
  const where = ["--catalog", catalog, "--cache-dir", `${sandbox.dir}/${(caches += 1)}`];
  return sandbox.run(["pull", ...where, "--endpoint", endpoint, "--json"], {
    env: { HF_TOKEN: token, ...env },
  });
}

function expectWhole(run: HerosRun): void {
  expect(run.stderr).toBe("");
  expect(run.exitCode).toBe(0);
  const types = run.events().map(({ type }) => type);
  expect(types.filter((type) => type === "file.verified")).toHaveLength(2);
}

const senders = (saw: readonly { what: string; authorization: string | undefined }[]) =>
  new Set(saw.map(({ authorization }) => authorization));

test("over TLS the bytes come right, and the token goes to the Hub alone", async () => {
  await using sandbox = await makeSandbox();
  await using hub = await startGuardedHub(sandbox.dir, hosted);
  const env = { NODE_EXTRA_CA_CERTS: hub.certificate };
  expectWhole(await pull(sandbox, hub.localEndpoint, env));
  expect(senders(hub.hubSaw)).toEqual(new Set([`Bearer ${token}`]));
  expect(senders(hub.contentSaw)).toEqual(new Set([undefined]));
});

test.each([
  ["HTTPS_PROXY", ""],
  ["https_proxy", "http://"],
  ["ALL_PROXY", "http://ann:s3cret@"],
])("%s=%s… is gone through, and sees no token", async (name, prefix) => {
  await using sandbox = await makeSandbox();
  await using hub = await startGuardedHub(sandbox.dir, hosted);
  const password = prefix.includes("@") ? { password: "s3cret" } : {};
  await using proxy = await startProxy(hub.names, password);
  const run = await pull(sandbox, "https://hub.test", {
    NODE_EXTRA_CA_CERTS: hub.certificate,
    [name]: `${prefix}${proxy.address}`,
  });
  expectWhole(run);
  const targets = new Set(proxy.saw.map(({ what }) => what));
  expect(targets).toEqual(new Set(["CONNECT hub.test:443", "CONNECT cdn.test:443"]));
  expect(senders(proxy.saw)).toEqual(new Set([undefined]));
  expect(senders(hub.hubSaw)).toEqual(new Set([`Bearer ${token}`]));
  expect(senders(hub.contentSaw)).toEqual(new Set([undefined]));
  const beyond = [...hub.hubSaw, ...hub.contentSaw].map((each) => each.proxyAuthorization);
  expect(new Set(beyond)).toEqual(new Set([undefined]));
});

test("HTTP_PROXY is gone through for plain http, to which no token is given", async () => {
  await using sandbox = await makeSandbox();
  await using hub = await startGuardedHub(sandbox.dir, hosted);
  const relocate = { from: hub.served.contentOrigin, to: "http://cdn.test" };
  await using proxy = await startProxy(hub.names, { relocate });
  expectWhole(await pull(sandbox, "http://hub.test", { HTTP_PROXY: `http://${proxy.address}` }));
  expect(new Set(proxy.saw.map(({ what }) => what))).toEqual(
    new Set(["GET hub.test", "HEAD hub.test", "GET cdn.test"]),
  );
  expect(senders(proxy.saw)).toEqual(new Set([undefined]));
});

test.each([
  ["this machine", (origin: string) => origin],
  ["this machine by name", (origin: string) => origin.replace("127.0.0.1", "a.localhost")],
  ["a cloud's own address", (origin: string) => origin.replace("127.0.0.1", "169.254.169.254")],
])("a Hub out there can't make heros ask %s", async (_, to) => {
  await using sandbox = await makeSandbox();
  await using hub = await startGuardedHub(sandbox.dir, hosted);
  const from = hub.served.contentOrigin;
  await using proxy = await startProxy(hub.names, { relocate: { from, to: to(from) } });
  const run = await pull(sandbox, "http://hub.test", { HTTP_PROXY: `http://${proxy.address}` });
  expect(failureOf(run)).toMatchObject({ code: "hub.unsafe_redirect", exitCode: 5 });
  expect(hub.served.requests.filter(({ origin }) => origin === "content")).toEqual([]);
  expect(new Set(proxy.saw.map(({ what }) => what.split(" ")[1]))).toEqual(new Set(["hub.test"]));
});

test("a mirror in one's own network may keep its contents beside it", async () => {
  await using sandbox = await makeSandbox();
  await using hub = await startGuardedHub(sandbox.dir, hosted);
  expectWhole(await pull(sandbox, hub.served.endpoint, {}));
  expect(hub.served.requests.some(({ origin }) => origin === "content")).toBe(true);
});

test.each([
  ["SSL_CERT_FILE", (file: string) => file],
  ["SSL_CERT_DIR", (file: string) => `${file}.d`],
])("a company's certificate is found by %s", async (name, place) => {
  await using sandbox = await makeSandbox();
  await using hub = await startGuardedHub(sandbox.dir, hosted);
  // As the system keeps its store.
  await mkdir(`${hub.certificate}.d`);
  await copyFile(hub.certificate, `${hub.certificate}.d/company.pem`);
  await promisify(execFile)("openssl", ["rehash", `${hub.certificate}.d`]);
  expectWhole(await pull(sandbox, hub.localEndpoint, { [name]: place(hub.certificate) }));
  expect(senders(hub.hubSaw)).toEqual(new Set([`Bearer ${token}`]));
});

test.each(["p%ss", "p#s@s"])("a proxy's password may be %s", async (given) => {
  await using sandbox = await makeSandbox();
  await using hub = await startGuardedHub(sandbox.dir, hosted);
  await using proxy = await startProxy(hub.names, { password: given });
  const run = await pull(sandbox, "https://hub.test", {
    NODE_EXTRA_CA_CERTS: hub.certificate,
    HTTPS_PROXY: `http://ann:${given}@${proxy.address}`,
  });
  expectWhole(run);
  expect(run.stdout).not.toContain(given);
});

test("what NO_PROXY names, and this machine itself, are asked past the proxy", async () => {
  await using sandbox = await makeSandbox();
  await using hub = await startGuardedHub(sandbox.dir, hosted);
  await using proxy = await startProxy(hub.names);
  const { port } = new URL(hub.served.endpoint);
  const address = `http://${proxy.address}`;
  const named = { HTTP_PROXY: address, NO_PROXY: "example.com, 0.0.0.0/8" };
  // An address of this machine that does not look like one.
  expectWhole(await pull(sandbox, `http://0.0.0.0:${port}`, named));
  const own = { HTTPS_PROXY: address, NODE_EXTRA_CA_CERTS: hub.certificate };
  expectWhole(await pull(sandbox, hub.localEndpoint, own));
  expect(proxy.saw).toEqual([]);
});

test("a certificate that nobody vouches for ends with hub.tls", async () => {
  await using sandbox = await makeSandbox();
  await using hub = await startGuardedHub(sandbox.dir, hosted, { strangeContent: true });
  await using proxy = await startProxy(hub.names);
  const trusted = { NODE_EXTRA_CA_CERTS: hub.certificate };
  const proxied = { HTTPS_PROXY: `http://${proxy.address}` };
  const runs = await Promise.all([
    pull(sandbox, hub.localEndpoint, {}),
    pull(sandbox, "https://hub.test", proxied),
    // That of the Hub is good, that of the contents is not.
    pull(sandbox, hub.localEndpoint, trusted),
  ]);
  for (const run of runs) {
    expect(failureOf(run)).toMatchObject({ code: "hub.tls", exitCode: 5 });
  }
  expect(hub.contentSaw).toEqual([]);
});

test("heros doctor names the files of certificates, and the Hub that none of them vouches for", async () => {
  await using sandbox = await makeSandbox();
  await using hub = await startGuardedHub(sandbox.dir, hosted);
  const catalog = await catalogOf(sandbox, "demo/voice");
  const doctor = async (env: Readonly<Record<string, string>>) => {
    const where = ["--catalog", catalog, "--endpoint", hub.localEndpoint];
    const run = await sandbox.run(["doctor", "certificates", ...where, "--json"], { env });
    return run.events().find((event) => event.type === "check.finished");
  };
  const good = await doctor({ HF_TOKEN: token, SSL_CERT_FILE: hub.certificate });
  expect(good).toMatchObject({
    status: "ok",
    found: `SSL_CERT_FILE: 1 certificate in ${hub.certificate}`,
  });
  const missing = await doctor({ SSL_CERT_FILE: `${hub.certificate}.gone` });
  expect(missing).toMatchObject({ status: "warning" });
  expect(missing?.found).toContain(`nothing here vouches for ${hub.localEndpoint}`);
  expect(missing?.found).toContain("can't be read (ENOENT)");
});

test.each([
  ["wants another password", { password: "other" }, "(407)"],
  ["forbids the address", { refuse: 403 }, "(403)"],
])("a proxy that %s is said, without its password", async (_, rules, said) => {
  await using sandbox = await makeSandbox();
  await using hub = await startGuardedHub(sandbox.dir, hosted);
  await using proxy = await startProxy(hub.names, rules);
  const run = await pull(sandbox, "https://hub.test", {
    HTTPS_PROXY: `http://ann:s3cret@${proxy.address}`,
  });
  const failure = failureOf(run);
  expect(failure).toMatchObject({ code: "hub.proxy", exitCode: 5 });
  expect(failure.message).toContain(said);
  expect(run.stdout + run.stderr).not.toContain("s3cret");
});

test("a proxy of a kind that is not known is said, not passed over", async () => {
  await using sandbox = await makeSandbox();
  const env = { ALL_PROXY: "socks5h://ann:s3cret@127.0.0.1:9" };
  const run = await pull(sandbox, "https://hub.test", env);
  const failure = failureOf(run);
  expect(failure).toMatchObject({ code: "hub.proxy", exitCode: 5 });
  expect(failure.message).toContain("ALL_PROXY");
  expect(run.stdout + run.stderr).not.toContain("s3cret");
});
