import { expect, test } from "vitest";
import { model, openScene } from "../../download/scene.ts";

const repo = "org/model";
const files = [
  { path: "a.safetensors", sizeBytes: 600_000 },
  { path: "b.txt", content: "old" },
];

test.each([
  ["before the first byte", true],
  ["in the middle", false],
])("a branch that is pushed anew %s is no mistake of the catalog", async (_, early) => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  const { served } = scene;
  const commit = served.commit(repo);
  let moved = false;
  served.setIntercept(({ url, file, method }) => {
    if (file !== null && (early || method === "GET")) moved = true;
    const gone = { status: 404, headers: { "X-Error-Code": "RevisionNotFound" }, body: "gone" };
    return moved && url.includes(commit) ? { answer: gone } : undefined;
  });
  await expect(scene.pull([model("m", repo)])).rejects.toMatchObject({
    code: "hub.branch_moved",
    exitCode: 5,
  });
  // The branch leads elsewhere now, and the next run follows it.
  served.publish({ id: repo, files: [{ path: "a.safetensors", sizeBytes: 600_000 }] });
  const survey = await scene.pull([model("m", repo)]);
  expect(survey.models[0]?.snapshots[0]?.commit).toBe(served.commit(repo));
  expect(served.commit(repo)).not.toBe(commit);
});

test("a commit that the catalog names itself is the catalog's mistake where it is gone", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  const commit = scene.served.commit(repo);
  scene.served.setIntercept(({ file }) =>
    file === null
      ? undefined
      : { answer: { status: 404, headers: { "X-Error-Code": "RevisionNotFound" }, body: "gone" } },
  );
  await expect(scene.pull([model("m", repo, { revision: commit })])).rejects.toMatchObject({
    code: "hub.revision_not_found",
    exitCode: 2,
  });
});
