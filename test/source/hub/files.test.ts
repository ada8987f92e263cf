import { expect, test } from "vitest";
import type { HttpResponse } from "../../../src/host/network.ts";
import { openFile } from "../../../src/source/hub/files.ts";
import { answerOf, sessionOver } from "./session.ts";

const blobName = "a".repeat(64);

/** Opens a file of which the Hub, and whoever it sends on to, answer so. */
function open(path: string, ...answers: readonly HttpResponse[]) {
  let asked = 0;
  const request = async () => answers[(asked += 1) - 1] ?? answerOf(404);
  return openFile(sessionOver("https://hub.test", request), {
    repo: "org/model",
    commit: "c",
    path,
    blobName,
    range: null,
    address: null,
    idleTimeoutMs: 1000,
    signal: new AbortController().signal,
  });
}

const elsewhere = answerOf(302, { location: "https://cdn.test/x" });
const page = { "content-type": "text/html; charset=utf-8" };

test.each([
  ["model.bin", answerOf(400)],
  ["model.bin", answerOf(200, page)],
])("%s is not had where another than the Hub answers", async (path, answer) => {
  await expect(open(path, answer)).rejects.toMatchObject({ code: "hub.captive_portal" });
  await expect(open(path, elsewhere, answerOf(200, page))).rejects.toMatchObject({
    code: "hub.captive_portal",
  });
});

test("a web page that is a file of the model is had", async () => {
  for (const path of ["card.html", "card.xhtml", "card.HTM"]) {
    expect((await open(path, answerOf(200, page))).response.status).toBe(200);
  }
});

test.each([
  [{ etag: `"${blobName}"` }, true],
  [{ etag: `W/"${blobName}"` }, true],
  [{ etag: `"${"b".repeat(64)}"` }, false],
  [{ "x-linked-etag": `"${"b".repeat(64)}"`, etag: `"${blobName}"` }, false],
  // Of another kind: it says nothing.
  [{ etag: `"${"b".repeat(40)}"` }, true],
  [{ etag: `"${"x".repeat(64)}"` }, true],
  [{}, true],
])("an answer with %j is of the file: %s", async (headers, isOfIt) => {
  const opened = open("model.bin", answerOf(200, headers));
  if (isOfIt) expect((await opened).address).toBeNull();
  else await expect(opened).rejects.toMatchObject({ kind: "bad-answer" });
});

test.each([
  ["gzip", false],
  ["identity", true],
  ["", true],
])("contents packed with %j are had: %s", async (encoding, isHad) => {
  const packed = answerOf(200, { "content-encoding": encoding });
  for (const answers of [[packed], [elsewhere, packed]]) {
    const opened = open("model.bin", ...answers);
    if (isHad) expect((await opened).response).toBe(packed);
    else await expect(opened).rejects.toMatchObject({ kind: "bad-answer" });
  }
});
