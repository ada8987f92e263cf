import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { planDeployment } from "../../../src/deploy/compose/plan.ts";
import { fakeDocker } from "../../docker/fake-docker.ts";
import {
  assetsDir,
  minimalBase,
  newStackDir,
  stackPlan,
  temporaryFolder,
  testHost,
} from "./fixtures.ts";

const config = JSON.stringify({
  name: "her-os",
  services: { "her-os-core": { ports: [{ target: 8000, published: "8000" }] } },
});

/** Plans a stack where docker tells of one container of the project, of this folder and file. */
async function plan(stackDir: string, label: { readonly folder: string; readonly file: string }) {
  const { bin, calls } = await fakeDocker(`
case "$*" in
ps*) printf '%s\\t%s\\n' '${label.folder}' '${label.file}' ;;
*" config "*) cat >/dev/null; printf '%s' '${config}' ;;
*) exit 1 ;;
esac`);
  const host = testHost({ PATH: `${bin}:/usr/bin:/bin` });
  const planned = planDeployment({ host, stackDir, plan: stackPlan("/models"), assetsDir });
  return { planned, calls };
}

test("a project of another folder with the same name is nobody's to take over", async () => {
  const theirs = path.join(await temporaryFolder(), "her-os");
  await mkdir(theirs);
  const file = path.join(theirs, "docker-compose.yml");
  await writeFile(file, minimalBase);
  const stackDir = await newStackDir({ "docker-compose.yml": minimalBase });
  const before = await readdir(stackDir);
  const { planned, calls } = await plan(stackDir, { folder: theirs, file });
  await expect(planned).rejects.toMatchObject({
    code: "stack.project_taken",
    exitCode: 4,
    message: expect.stringContaining(theirs) as unknown,
  });
  expect(await readdir(stackDir)).toEqual(before);
  // By its name, stopped containers too.
  const asked = (await calls()).find((call) => call.startsWith("ps "));
  expect(asked).toContain("--all --filter label=com.docker.compose.project=her-os ");
});

test("containers that compose left as they were do not make one's own project another's", async () => {
  const theirs = await newStackDir({ "docker-compose.yml": minimalBase });
  const stackDir = await newStackDir({ "docker-compose.yml": minimalBase });
  const [first, second] = [theirs, stackDir].map((folder) =>
    path.join(folder, "docker-compose.yml"),
  );
  const { planned } = await plan(stackDir, {
    folder: theirs,
    file: `${first}\n${stackDir}\t${second}`,
  });
  await expect(planned).resolves.toHaveProperty("changes");
});

test("a project is still one's own after its folder was moved, and by a link", async () => {
  const stackDir = await newStackDir({ "docker-compose.yml": minimalBase });
  const link = path.join(await temporaryFolder(), "her-os");
  await symlink(stackDir, link);
  for (const folder of [stackDir, link, `${stackDir}-before`, "."]) {
    const file = path.join(folder, "docker-compose.yml");
    const { planned } = await plan(stackDir, { folder, file });
    await expect(planned).resolves.toHaveProperty("changes");
  }
});
