import { chmod, mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { ServeListening } from "../../src/run/events/serve.ts";
import type { HerosRun, Sandbox } from "./sandbox.ts";
import { failureOf, openHosted } from "./wrong-input.ts";

const token = "0123456789abcdef";

/** Serves until the work with it is over, and is then told to stop as systemd tells it. */
async function whileServing(
  sandbox: Sandbox,
  args: readonly string[],
  act: (listening: ServeListening) => Promise<void>,
): Promise<HerosRun> {
  let output = "";
  const acting: Promise<void>[] = [];
  const run = await sandbox.run(["serve", "--json", "--listen", "127.0.0.1:0", ...args], {
    onOutput(text, kill) {
      output += text;
      const line = output.split("\n").find((each) => each.includes('"serve.listening"'));
      if (line === undefined || acting.length > 0) return;
      acting.push(act(JSON.parse(line) as ServeListening).finally(() => kill("SIGTERM")));
    },
  });
  await Promise.all(acting);
  return run;
}

/** The first event of a stream that goes on. */
async function firstOf(events: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of events.body ?? []) {
    text += decoder.decode(part as Uint8Array, { stream: true });
    if (/^data: .*\n/mu.test(text)) break;
  }
  return text;
}

it("serves what is downloaded, gated models to its own clients alone, and stops when it is told to", async () => {
  const { sandbox, hub } = await openHosted();
  const hubFlags = ["--cache-dir", join(sandbox.dir, "cache")];
  const env = { HF_TOKEN: "hf_good_token" };
  const pulled = await sandbox.run(
    ["pull", "demo/voice", "demo/gated", "--endpoint", hub.endpoint, ...hubFlags],
    { env },
  );
  expect(pulled.exitCode).toBe(0);
  const tokens = await sandbox.file("tokens", `# of the lab\n${token}\n`);
  await chmod(tokens, 0o600);
  hub.forgetRequests();

  const flags = [...hubFlags, "--upstream", hub.endpoint, "--token-file", tokens];
  const run = await whileServing(sandbox, flags, async ({ url, reach, tokens: count }) => {
    expect([reach, count]).toEqual(["machine", 1]);
    const other = ["--endpoint", url, "--cache-dir", join(sandbox.dir, "other")];
    const again = await sandbox.run(["pull", "demo/voice", ...other, "--json"]);
    expect({ exitCode: again.exitCode, stdout: again.stdout }).toMatchObject({ exitCode: 0 });
    const gated = `${url}/demo/gated/resolve/main/a.bin`;
    expect((await fetch(gated)).status).toBe(401);
    const asked = await fetch(gated, { headers: { authorization: `Bearer ${token}` } });
    expect((await asked.arrayBuffer()).byteLength).toBe(10);
    const figures = await (await fetch(`${url}/metrics`)).text();
    expect(figures).toMatch(/^heros_serve_sent_bytes_total\{route="models"\} \d{3}/mu);
    expect(figures).toMatch(/^heros_serve_cache_bytes \d{2}/mu);
    const events = await fetch(`${url}/events/setup`);
    expect(await firstOf(events)).toContain('"type":"run.started","command":"pull"');
    const about = (await (await fetch(`${url}/api/heros`)).json()) as Record<string, unknown>;
    expect(about).toMatchObject({ models: true });
  });
  expect(run.exitCode).toBe(0);
  expect(run.events().at(-1)).toMatchObject({ type: "run.succeeded", command: "serve" });
  // The Hub was asked who may have the models and where their branches are, by nobody's token, and for nothing else.
  expect(hub.requests.map(({ headers }) => headers.authorization)).toEqual(
    hub.requests.map(() => undefined),
  );
  const paths = hub.requests.map(({ url }) => url.replace(/\?.*/u, ""));
  expect(new Set(paths)).toEqual(
    new Set(
      ["voice", "gated"].flatMap((name) => [
        `/api/models/demo/${name}`,
        `/api/models/demo/${name}/revision/main`,
      ]),
    ),
  );
});

it("says what is wrong before it answers anybody", async () => {
  const { sandbox } = await openHosted();
  const cache = join(sandbox.dir, "cache");
  await mkdir(cache);
  const readable = await sandbox.file("readable", `${token}\n`);
  const empty = await sandbox.file("empty", "# nothing\n");
  const short = await sandbox.file("short", `${token}\nabc\n`);
  for (const file of [empty, short]) await chmod(file, 0o600);
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as AddressInfo;
  const wrong = async (args: readonly string[]) =>
    failureOf(await sandbox.run(["serve", "--offline", "--cache-dir", cache, "--json", ...args]));
  const cases: readonly [readonly string[], string, string][] = [
    [["--listen", "nowhere:x"], "settings.bad_value", "--listen"],
    [["--listen", `127.0.0.1:${port}`], "serve.port_taken", String(port)],
    [["--listen", "192.0.2.1:7171"], "serve.no_address", "192.0.2.1"],
    [["--listen", "nobody.invalid:7171"], "serve.no_address", "nobody.invalid"],
    [["--upstream", "ftp://hub"], "settings.bad_value", "--upstream"],
    [["--token-file", join(sandbox.dir, "nowhere")], "token.unreadable", "nowhere"],
    [["--token-file", readable], "serve.open_secret", "644"],
    [["--token-file", empty], "serve.bad_tokens", "empty"],
    [["--token-file", short], "serve.bad_tokens", "line 2"],
    [["--watchers", "all"], "settings.bad_value", "--watchers"],
    [["--allow-origin", "spark-1"], "settings.bad_value", "--allow-origin"],
    [["--allow-origin", "http://spark-1:8000/page"], "settings.bad_value", "page"],
    [["--announce"], "serve.not_announceable", "127.0.0.1"],
    [["--announce", "--listen", "[::1]:7171"], "serve.not_announceable", "::1"],
    [["--cache-dir", join(sandbox.dir, "no-cache")], "serve.no_cache", "no-cache"],
  ];
  const found = await Promise.all(cases.map(([args]) => wrong(args)));
  for (const [index, [, code, text]] of cases.entries()) {
    expect(found[index]).toMatchObject({ code, message: expect.stringContaining(text) as unknown });
  }
  taken.close();
});
