import { expect, test } from "vitest";
import { questions } from "../../src/plan/questions.ts";
import { isStorage, mountOf } from "../../src/plan/storage.ts";
import { cannedInterview } from "../ui/canned-interview.ts";

test.each([
  ["hub-cache", { kind: "folder" }],
  ["stack-dir", { kind: "folder" }],
  ["/data/models", { kind: "folder" }],
  ["volume:her-os_model-cache", { kind: "volume", name: "her-os_model-cache" }],
  ["nfs:nas.local:/export/models", { kind: "nfs", server: "nas.local", path: "/export/models" }],
  ["nfs:192.168.1.100:/", { kind: "nfs", server: "192.168.1.100", path: "/" }],
  ["nfs:[fd00::7]:/models", { kind: "nfs", server: "fd00::7", path: "/models" }],
])("%s is a storage", (value, mount) => {
  expect(isStorage(value)).toBe(true);
  expect(mountOf(value)).toEqual(mount);
});

test.each([
  "",
  "models",
  "volume:",
  "volume:../etc",
  "volume:-v",
  "nfs:nas",
  "nfs:nas:models",
  "nfs:nas,exec:/models",
  "nfs:fd00::7:/models",
  "/a\0b",
])("%j is none", (value) => {
  expect(isStorage(value)).toBe(false);
});

test("a volume of an earlier install is offered first, with what is in it", () => {
  const question = questions.find(({ id }) => id === "storage");
  const volumes = [{ name: "her-os_model-cache", bytes: 18_300_000_000 }];
  const interview = cannedInterview({ volumes });
  const options = question?.options(interview, interview.answers) ?? [];
  expect(options[0]).toMatchObject({
    value: "volume:her-os_model-cache",
    detail: "18.3 GB of models of an earlier install, which are reused.",
    recommended: true,
  });
  expect(options.filter(({ recommended }) => recommended === true)).toHaveLength(1);
});
