import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { filesToHand, type HandRequest } from "../../../src/commands/push/answers-there.ts";
import { type Kept, readKept } from "../../../src/commands/remembered-answers.ts";
import { stackAnswersFile } from "../../../src/record/known-stacks.ts";
import { testHost } from "../../machine/test-host.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "heros-answers-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const machine = {
  home: "/home/ben",
  state: "/home/ben/.local/state/heros",
  config: "/home/ben/.config/heros",
};
const kept: Kept = {
  stackDir: null,
  finished: true,
  cacheDir: null,
  answers: { groups: ["remember"], storage: ["hub-cache"], startup: ["wait"] },
  given: {},
  former: ["/old"],
};

function hand(change: Partial<HandRequest>) {
  const host = { ...testHost(), home };
  const stackDir = join(home, "her-os");
  return filesToHand({
    host,
    machine,
    catalog: null,
    base: { kind: "shipped", name: "her-os" },
    stackDir,
    usualStackDir: stackDir,
    kept,
    ...change,
  });
}
const answersIn = ({ files }: Awaited<ReturnType<typeof hand>>) =>
  JSON.parse(files.at(-1)?.content ?? "") as Readonly<Record<string, unknown>>;

test("answers get the other home folder, and a setup that is still to be done", async () => {
  const handed = await hand({
    kept: {
      ...kept,
      cacheDir: join(home, "models"),
      answers: { ...kept.answers, storage: [join(home, "models")] },
      given: { stackDir: join(home, "her-os"), cacheDir: join(home, "models"), port: "8001" },
    },
  });
  expect(handed.files.map(({ path, isPrivate }) => ({ path, isPrivate }))).toEqual([
    { path: stackAnswersFile(machine.state, "/home/ben/her-os"), isPrivate: true },
    { path: "/home/ben/.local/state/heros/answers.json", isPrivate: true },
  ]);
  expect(answersIn(handed)).toEqual({
    version: 1,
    stackDir: "/home/ben/her-os",
    finished: false,
    cacheDir: "/home/ben/models",
    answers: { groups: ["remember"], storage: ["/home/ben/models"], startup: ["wait"] },
    given: { stackDir: "/home/ben/her-os", cacheDir: "/home/ben/models", port: "8001" },
    former: [],
  });
  expect(handed.stackFlags).toEqual([]);
  expect(handed.left).toEqual([]);
});

test("the other heros reads them as its own", async () => {
  const [file] = (await hand({})).files;
  await writeFile(join(home, "answers.json"), file?.content ?? "");
  expect(await readKept(testHost(), join(home, "answers.json"))).toEqual({
    ...kept,
    stackDir: "/home/ben/her-os",
    finished: false,
    former: [],
  });
});

test("a folder outside of the home folder, and an address of this machine, mean nothing there", async () => {
  const handed = await hand({
    kept: {
      ...kept,
      cacheDir: "/data/models",
      answers: { groups: ["remember"], storage: ["/data/models"] },
      given: { cacheDir: "/data/models", endpoint: "https://hf.co,http://127.0.0.1:7171" },
    },
  });
  expect(answersIn(handed)).toMatchObject({
    cacheDir: null,
    answers: { groups: ["remember"] },
    given: {},
  });
  expect(handed.left.join()).toContain("/data/models");
});

test("volumes, servers and addresses elsewhere are the same there", async () => {
  const given = { endpoint: "https://hub.example.com" };
  for (const storage of ["volume:models", "nfs:nas:/models", "stack-dir"]) {
    const answers = { ...kept.answers, storage: [storage] };
    const handed = await hand({ kept: { ...kept, answers, given } });
    expect(answersIn(handed)).toMatchObject({ answers, given });
  }
});

test("a token, and what no heros remembers, is not handed on", async () => {
  const file = join(home, "answers.json");
  const answers = { token: ["hf_secret"], groups: ["remember"] };
  await writeFile(file, JSON.stringify({ version: 1, answers, password: "hf_secret" }));
  const handed = await hand({ kept: await readKept(testHost(), file) });
  expect(JSON.stringify(handed)).not.toContain("hf_secret");
});

test("a catalog of one's own goes with its compose file, to the same place in the home folder", async () => {
  await mkdir(join(home, "stacks/files"), { recursive: true });
  const catalog = join(home, "stacks/rag.yaml");
  const compose = join(home, "stacks/files/compose.yml");
  await writeFile(catalog, "schema: 2\n");
  await writeFile(compose, "services: {}\n");
  const handed = await hand({
    catalog,
    base: { kind: "file", path: compose },
    stackDir: join(home, "elsewhere"),
    kept: { ...kept, given: { catalog } },
  });
  expect(handed.files.slice(0, 2)).toEqual([
    { path: "/home/ben/stacks/rag.yaml", content: "schema: 2\n", isPrivate: false },
    { path: "/home/ben/stacks/files/compose.yml", content: "services: {}\n", isPrivate: false },
  ]);
  const flags = ["--catalog", "/home/ben/stacks/rag.yaml", "--stack-dir", "/home/ben/elsewhere"];
  expect(handed.stackFlags).toEqual(flags);
  expect(answersIn(handed)).toMatchObject({ given: { catalog: "/home/ben/stacks/rag.yaml" } });
});

test("one from outside of it goes to heros' folder of settings, and a compose file far from it stays", async () => {
  const outside = await mkdtemp(join(tmpdir(), "heros-catalog-"));
  const catalog = join(outside, "rag.yaml");
  await writeFile(catalog, "schema: 2\n");
  try {
    const base = { kind: "file", path: join(home, "compose.yml") } as const;
    const handed = await hand({ catalog, base, kept: null });
    expect(handed.files.map(({ path }) => path)).toEqual(["/home/ben/.config/heros/rag.yaml"]);
    expect(handed.left.join()).toContain("compose.yml");
  } finally {
    await rm(outside, { recursive: true });
  }
});

test("a catalog of ours is known by its name, and without a setup there are no answers", async () => {
  const handed = await hand({ catalog: "open-webui", kept: null });
  expect(handed).toEqual({ files: [], stackFlags: ["--catalog", "open-webui"], left: [] });
});
