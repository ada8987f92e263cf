import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { placesOf } from "../../../src/store/hub-cache/layout.ts";
import { realHost } from "../../../src/host/real-host.ts";
import { rememberAnswers } from "../../../src/commands/remembered-answers.ts";
import { writeAtomically } from "../../../src/host/text-files.ts";
import { expectWhole, files, models, repo, weights } from "../../download/one-model.ts";
import { openScene } from "../../download/scene.ts";

/** Above what Linux gives. */
const dead = 999_999_999;

test("a pull removes what kills left beside whole blobs, although nothing is missing", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  await scene.pull(models);
  const places = placesOf(scene.cacheDir, repo);
  const { blobName } = await scene.served.file(repo, weights.path).identify();
  await mkdir(places.staging, { recursive: true });
  for (const folder of [places.staging, places.blobs]) {
    for (const kind of ["partial", "journal", "journal.new", "copy"]) {
      await writeFile(join(folder, `${blobName}.heros-${kind}`), "left over");
    }
  }
  for (const kind of ["snapshot", "link", "ref"]) {
    await writeFile(join(places.root, `.heros-${dead}-${kind}`), "left over");
  }
  scene.served.forgetRequests();
  await scene.pull(models);
  expect(scene.served.sentBytes()).toBe(0);
  await expectWhole(scene);
});

test("a pull leaves what lives: another's partial, and what a process at work has begun", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  await scene.pull(models);
  const places = placesOf(scene.cacheDir, repo);
  const stay = [
    join(places.blobs, `${"b".repeat(64)}.heros-partial`),
    join(places.blobs, `${"b".repeat(64)}.0a1b2c3d.incomplete`),
    join(places.root, `.heros-${process.pid}-snapshot`),
    join(places.root, ".heros-notes"),
  ];
  for (const file of stay) await writeFile(file, "not ours");
  await scene.pull(models);
  expect(stay.filter((file) => !existsSync(file))).toEqual([]);
});

test("a file of the stack and the answers are written without what a killed run left of them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "heros-swept-"));
  try {
    const facts = { env: {}, home: folder, cwd: folder, platform: "linux", nodeArch: "x64" };
    const host = realHost({ ...facts, pid: process.pid });
    const stay = [`..env.heros-${process.pid}-0`, "..env.heros-notes", "answers.json.old"];
    const go = [`..env.heros-${dead}-1a2b`, `.answers.json.heros-${dead}-0`];
    for (const name of [...stay, ...go]) await writeFile(join(folder, name), "SECRET=1");
    await writeAtomically({
      host,
      path: join(folder, ".env"),
      content: "A=1\n",
      mode: 0o600,
      forbiddenBits: 0,
    });
    await rememberAnswers(host, {
      stateDir: folder,
      stackDir: folder,
      answers: {},
      finished: true,
    });
    expect((await readdir(folder)).toSorted()).toEqual(
      [...stay, ".env", "answers.json", "stacks"].toSorted(),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
