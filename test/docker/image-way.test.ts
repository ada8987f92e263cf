import { expect, test } from "vitest";
import { chooseWay, type EngineTraits, type ImageWish } from "../../src/docker/engine-images.ts";

const spark: EngineTraits = {
  address: "unix:///var/run/docker.sock",
  podman: false,
  rootless: false,
  desktop: false,
};
const plain: ImageWish = { pullPolicy: null, builds: false, pinned: false };

test.each<[string, Partial<EngineTraits>]>([
  ["its usual socket", {}],
  ["a socket elsewhere on this machine", { address: "unix:///tmp/engine/docker.sock" }],
])("an engine with %s gets images from heros as a registry", (_name, traits) => {
  expect(chooseWay(plain, { ...spark, ...traits })).toEqual({ way: "registry", reason: null });
});

test.each<[Partial<ImageWish>, Partial<EngineTraits> | null, string, RegExp]>([
  [{}, null, "pull", /does not say/],
  [{}, { address: null }, "pull", /not at a socket/],
  [{}, { address: "ssh://me@spark" }, "pull", /another machine/],
  [{}, { address: "tcp://10.0.0.4:2376" }, "pull", /another machine/],
  [{}, { address: "tcp://127.0.0.1:2375" }, "pull", /not at a socket/],
  [{}, { rootless: true }, "pull", /rootless/],
  [{}, { podman: true }, "pull", /Podman/],
  [{}, { desktop: true }, "load", /virtual machine/],
  [{ pinned: true }, {}, "pull", /digest/],
  [{ pullPolicy: "missing" }, {}, "registry", /^null$/],
  [{ pullPolicy: "if_not_present" }, {}, "registry", /^null$/],
  [{ pullPolicy: "always" }, {}, "pull", /pull_policy: always/],
  [{ pullPolicy: "daily" }, {}, "pull", /pull_policy: daily/],
  [{ pullPolicy: "every_12h" }, {}, "pull", /pull_policy: every_12h/],
  [{ pullPolicy: "never" }, {}, "none", /never/],
  [{ pullPolicy: "build" }, {}, "none", /builds/],
  [{ builds: true }, {}, "none", /builds/],
  [{ builds: true, pullPolicy: "always" }, null, "none", /builds/],
])("%j on %j is a %s", (wish, traits, way, reason) => {
  const engine = traits === null ? null : { ...spark, ...traits };
  const chosen = chooseWay({ ...plain, ...wish }, engine);
  expect(chosen.way).toBe(way);
  expect(String(chosen.reason)).toMatch(reason);
});
