import { expect, it } from "vitest";
import { parse } from "yaml";
import { oneFile, reachesOut } from "../../../../src/deploy/compose/one-file/one-file.ts";

function merged(...texts: readonly string[]) {
  const files = texts.map((text, index) => ({ path: `/srv/My Stack/${index}.yml`, text }));
  const folders = { project: "/srv/My Stack", home: "/home/ann" };
  const { text, ...told } = oneFile({ files, folders, projectName: null });
  return { ...told, text, compose: parse(text) as Record<string, unknown> };
}

function service(...texts: readonly string[]): unknown {
  const { compose } = merged(...texts.map((text) => `services:\n  a:\n    ${text}\n`));
  return (compose["services"] as Record<string, unknown>)["a"];
}

it("merges maps, adds to lists, and replaces commands", () => {
  expect(
    service(
      "image: one\n    command: [a, b]\n    cap_add: [X, Y]",
      "image: two\n    command: c d\n    cap_add: [Y, Z]",
    ),
  ).toEqual({ image: "two", command: "c d", cap_add: ["X", "Y", "Z"] });
  expect(
    service("healthcheck: {test: [CMD, a], retries: 3}", "healthcheck: {test: [NONE]}"),
  ).toEqual({ healthcheck: { test: ["NONE"], retries: 3 } });
});

it("takes variables from maps and lists alike", () => {
  expect(service("environment: [A=1, B]", "environment: {A: two, C: null}")).toEqual({
    environment: { A: "two", B: null, C: null },
  });
  expect(service("environment: [A=1, B=2]", "image: x")).toEqual({
    environment: ["A=1", "B=2"],
    image: "x",
  });
});

it("puts a mount in the place of the one before", () => {
  expect(
    service(
      'volumes: [data:/data, "${CACHE:-./cache}:/models:ro", /tmp/x]',
      "volumes:\n      - {type: bind, source: ./other, target: /models}",
    ),
  ).toEqual({
    volumes: [
      "data:/data",
      { type: "bind", source: "/srv/My Stack/other", target: "/models" },
      "/tmp/x",
    ],
  });
});

it("keeps a port once, whichever way it is written", () => {
  const long = '{target: 80, published: "8000"}';
  expect(service('ports: ["8000:80", "${B:-127.0.0.1}:9:9"]', `ports: [${long}]`)).toEqual({
    ports: [{ target: 80, published: "8000" }, "${B:-127.0.0.1}:9:9"],
  });
});

it("does what compose's tags say", () => {
  expect(
    service(
      "image: one\n    ports: ['1:1']\n    dns: [a]",
      "ports: !reset []\n    dns: !override [b]",
    ),
  ).toEqual({ image: "one", dns: ["b"] });
});

it("waits for all that any file waits for", () => {
  expect(
    service("depends_on: [db]", "depends_on: {warm: {condition: service_completed_successfully}}"),
  ).toEqual({
    depends_on: {
      db: { condition: "service_started" },
      warm: { condition: "service_completed_successfully" },
    },
  });
});

it("writes paths that lead there from anywhere", () => {
  expect(
    service(
      'build: .\n    env_file: [a.env, "${X}.env"]\n    volumes: ["./a:/a", "~/b:/b", "named:/c"]',
    ),
  ).toEqual({
    build: "/srv/My Stack",
    env_file: ["/srv/My Stack/a.env", "${X}.env"],
    volumes: ["/srv/My Stack/a:/a", "/home/ann/b:/b", "named:/c"],
  });
  expect(service("build: {context: https://example.org/x.git}")).toEqual({
    build: { context: "https://example.org/x.git" },
  });
  const { compose } = merged("services: {a: {}}\nsecrets: {t: {file: ./secrets/t}}");
  expect(compose["secrets"]).toEqual({ t: { file: "/srv/My Stack/secrets/t" } });
});

it("leaves scalars as they are written, and variables as they stand", () => {
  const { text, variables, compose } = merged(
    "services:\n  a: &x\n    mem_limit: 1_000\n    mode: 0440\n    on: 'yes'\n    image: \"${I:-x}\"\n  b:\n    <<: *x\n    p: ${P:?why}\n    q: $Q $$R\n",
  );
  expect(text).toContain("mode: 0440");
  expect(text).toContain("mem_limit: 1_000");
  expect(text).toContain("\"on\": 'yes'");
  expect(text).toContain('image: "${I:-x}"');
  expect(compose["name"]).toBe("mystack");
  expect(variables).toEqual(["P", "Q"]);
});

it("tells where a secret stands in the files themselves, and nothing of it", () => {
  const { openSecrets } = merged(
    "services:\n  db:\n    environment: {DB_PASSWORD: hunter2, API_KEY: '${KEY}', TOKENS: 3}\n  x:\n    environment: [HF_TOKEN=hf_abc, A=b]\n",
  );
  expect(openSecrets).toEqual([
    "services.db.environment.DB_PASSWORD",
    "services.x.environment.HF_TOKEN",
  ]);
});

it("knows what only compose can put together", () => {
  const file = (text: string) => [{ path: "/x.yml", text }];
  expect(reachesOut(file("services: {a: {image: x}}"))).toBe(false);
  expect(reachesOut(file("services: {a: {extends: {service: b}}}"))).toBe(true);
  expect(reachesOut(file("include: [x.yml]\nservices: {}"))).toBe(true);
});
