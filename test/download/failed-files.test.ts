import { expect, test } from "vitest";
import type { Intercept, RecordedRequest } from "../../src/demo/hub/exchange.ts";
import { model, openScene, type Scene } from "./scene.ts";

const sizeBytes = 600_000;
const names = ["first", "second", "sibling", "third"] as const;
const repos = names.map((name) => ({
  id: `o/${name}`,
  files: [
    { path: "model.safetensors", sizeBytes },
    { path: "config.json", content: `{"model_type":"${name}"}` },
  ],
}));
const tiers = { first: 1, second: 2, sibling: 2, third: 3 };
const models = names.map((name) => model(name, `o/${name}`, { priority: tiers[name] }));

const isWeightsOf = ({ file, method }: RecordedRequest, name: string): boolean =>
  file?.repo === `o/${name}` && file.path === "model.safetensors" && method === "GET";

/** Where the Hub sends them to, after it was asked whether they may be had. */
const isContentOf = (request: RecordedRequest, name: string): boolean =>
  request.origin === "content" && isWeightsOf(request, name);

/** The weights of tier 2 fail, those of tier 1 come once that was told, those of tier 3 would take a minute. */
function failSecond(fault: ReturnType<Intercept>, told: Promise<void>): Intercept {
  return (request) => {
    if (isWeightsOf(request, "second")) return fault;
    if (isWeightsOf(request, "third")) return { bytesPerSecond: 10_000 };
    return isContentOf(request, "first") ? { until: told } : undefined;
  };
}

function lastStates({ of }: Scene): Record<string, string> {
  const told = of("download.progress").at(-1)?.models ?? [];
  return Object.fromEntries(told.map(({ id, state }) => [id, state]));
}

const fails: [string, ReturnType<Intercept>, object][] = [
  [
    "is missing on the Hub",
    { answer: { status: 404, headers: { "X-Error-Code": "EntryNotFound" } } },
    { code: "hub.file_not_found", exitCode: 2 },
  ],
  [
    "stays damaged",
    { garbage: { start: 0, end: sizeBytes } },
    { code: "download.hash_mismatch", exitCode: 6 },
  ],
  [
    "is refused",
    { answer: { status: 403, headers: { "X-Error-Code": "GatedRepo" } } },
    { code: "hub.gated", exitCode: 2 },
  ],
];

test.each(fails)(
  "where a file of tier 2 %s, tier 1 and its siblings end, and tier 3 is left",
  async (_, fault, failure) => {
    const told = Promise.withResolvers<void>();
    await using scene = await openScene({ repos, intercept: failSecond(fault, told.promise) });
    const pull = scene.pull(models, {
      tuning: { firstConnections: 4, idleMs: 120_000 },
      onEvent: ({ type }) => type === "notice" && told.resolve(),
    });
    await expect(pull).rejects.toThrow(expect.objectContaining(failure));
    const ready = scene.of("model.ready").map(({ id }) => id);
    expect(ready.toSorted()).toEqual(["first", "sibling"]);
    expect(lastStates(scene)).toMatchObject({
      first: "ready",
      second: "failed",
      sibling: "ready",
    });
    expect(["waiting", "downloading"]).toContain(lastStates(scene)["third"]);
    expect(scene.of("notice")[0]).toMatchObject({ level: "warning", ...pickCode(failure) });
    expect(scene.of("download.finished")).toEqual([]);

    // The next run goes on, once it is mended.
    scene.served.setIntercept(undefined);
    await scene.pull(models);
    expect(scene.of("model.ready")).toHaveLength(4);
  },
);

function pickCode(failure: object): object {
  return "code" in failure ? { code: failure.code } : {};
}

test("the first failure is the one that the run ends with, and each is told once", async () => {
  const answer = { status: 404, headers: { "X-Error-Code": "EntryNotFound" } };
  await using scene = await openScene({
    repos,
    intercept: (request) => {
      if (isWeightsOf(request, "second")) return { answer };
      // Not before the other failure was told.
      if (isWeightsOf(request, "first"))
        return scene.of("notice").length > 0 ? { answer } : { reset: true };
      return isWeightsOf(request, "sibling") ? { bytesPerSecond: 10_000 } : undefined;
    },
  });
  await expect(scene.pull(models)).rejects.toThrow(/o\/second has no file/u);
  expect(lastStates(scene)).toMatchObject({ first: "failed", second: "failed" });
  expect(scene.of("model.ready")).toEqual([]);
});

test("a network that is gone for too long ends everything at once", async () => {
  await using scene = await openScene({
    repos,
    intercept: ({ file, method }) =>
      file !== null && method === "GET" ? { reset: true } : undefined,
  });
  const tuning = { failAfterMs: 1000 };
  await expect(scene.pull(models, { tuning })).rejects.toThrow(
    expect.objectContaining({ code: "hub.unreachable", exitCode: 5 }),
  );
  expect(scene.of("notice")).toEqual([]);
});

test("what was left has its partial and journal, and its lock is free", async () => {
  const begun = Promise.withResolvers<void>();
  const answer = { status: 404, headers: { "X-Error-Code": "EntryNotFound" } };
  await using scene = await openScene({
    repos,
    intercept: (request) => {
      if (isWeightsOf(request, "second")) return { answer, until: begun.promise };
      return isWeightsOf(request, "third") ? { bytesPerSecond: 100_000 } : undefined;
    },
  });
  const pull = scene.pull(models, {
    tuning: { firstConnections: 16, idleMs: 120_000 },
    onEvent(event) {
      if (event.type !== "download.progress") return;
      const third = event.models.find(({ id }) => id === "third");
      if ((third?.receivedBytes ?? 0) > 50_000) begun.resolve();
    },
  });
  await expect(pull).rejects.toThrow();
  const before = scene.served.sentBytes({ repo: "o/third" });
  expect(before).toBeGreaterThan(0);
  scene.served.setIntercept(undefined);
  const survey = await scene.pull(models);
  expect(survey.resumedBytes).toBeGreaterThan(0);
  expect(scene.of("model.ready")).toHaveLength(4);
});

test("what failed is told also where one file alone goes on", async () => {
  const pair = ["first", "second"].map((name) => ({
    id: `o/${name}`,
    files: [{ path: "model.safetensors", sizeBytes }],
  }));
  const told = Promise.withResolvers<void>();
  await using scene = await openScene({
    repos: pair,
    intercept: (request) => {
      if (isWeightsOf(request, "second"))
        return { answer: { status: 404, headers: { "X-Error-Code": "EntryNotFound" } } };
      return isContentOf(request, "first") ? { until: told.promise } : undefined;
    },
  });
  const pull = scene.pull(
    [model("first", "o/first"), model("second", "o/second", { priority: 2 })],
    {
      tuning: { idleMs: 120_000 },
      onEvent: ({ type }) => type === "notice" && told.resolve(),
    },
  );
  await expect(pull).rejects.toMatchObject({ code: "hub.file_not_found" });
  expect(scene.of("notice")).toMatchObject([{ code: "hub.file_not_found" }]);
  expect(scene.of("model.ready").map(({ id }) => id)).toEqual(["first"]);
});
