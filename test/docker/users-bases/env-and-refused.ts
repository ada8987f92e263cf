import { Buffer } from "node:buffer";
import { base, compose, one, type UsersBase } from "./base.ts";

const env = (
  kind: string,
  text: string | Uint8Array,
  more_: Partial<UsersBase> = {},
): UsersBase => ({
  kind: `.env: ${kind}`,
  files: {
    ".env": text,
    ...compose(
      base({
        core: 'environment: ["A=${A-none}", "B=${B-none}", "PASS=${POSTGRES_PASSWORD-none}"]',
      }),
    ),
  },
  ...more_,
});

export const envs: readonly UsersBase[] = [
  env("# in a value, and at its start", "A=#abc\nB=a#b # said\nPOSTGRES_PASSWORD=#x#\n"),
  env("a tab before #", "A=a\t# kept\nB=1\n"),
  env("quotes of both kinds", 'A="a # b"\nB=\'$A "x"\'\nPOSTGRES_PASSWORD="q\\"\\$x"\n'),
  env(
    "values over several lines",
    "A=\"one\ntwo # no comment\nthree\"\nB='x\ny'\nPOSTGRES_PASSWORD=p\n",
  ),
  env("\\r at the ends", "A=1\r\nB=2\r\nPOSTGRES_PASSWORD=p\r\n"),
  env("no line's end at the file's end", "POSTGRES_PASSWORD=p\nA=1"),
  env(
    "bytes that are no UTF-8",
    Buffer.from("# caf\xe9\nA=\xe9\xff\nPOSTGRES_PASSWORD=p\n", "latin1"),
  ),
  env("a mark at the start", "\uFEFFA=1\nPOSTGRES_PASSWORD=p\n"),
  env("UTF-16", Buffer.from("\uFEFFA=1\n", "utf16le"), { refused: "stack.env_invalid" }),
  env("export", "export A=1\nexport   POSTGRES_PASSWORD=p\nexport B\n"),
  env("spaces around =, a : in its place", "A = 1\nB: 2\nPOSTGRES_PASSWORD = p\n"),
  env("values that refer to others", "B=x\nA=${B}-$B-${C:-d}\nPOSTGRES_PASSWORD=${A}\n"),
  env("a key that stands twice", "A=1\nA=2\nPOSTGRES_PASSWORD=p\n"),
  env("a quote that is not closed", "A='1\nPOSTGRES_PASSWORD=p\n", {
    refused: "stack.env_invalid",
  }),
  env("empty", ""),
  env("a port that is not 8000", "HER_OS_PORT='8000' # kept\nPOSTGRES_PASSWORD=p\n"),
];

export const refused: readonly UsersBase[] = [
  one("depends_on of nothing", { core: "depends_on: [gone]" }, { refused: "stack.base_invalid" }),
  one(
    "a secret that is not defined",
    { core: "secrets: [gone]" },
    { refused: "stack.base_invalid" },
  ),
  one(
    "a config that is not defined",
    { core: "configs: [gone]" },
    { refused: "stack.base_invalid" },
  ),
  one(
    "a network that is not defined",
    { core: "networks: [gone]" },
    { refused: "stack.base_invalid" },
  ),
  one("an unknown key", { core: "imagee: x" }, { refused: "stack.base_invalid" }),
  one(
    "a required variable without a value",
    { core: 'labels: ["a=${GONE:?set it}"]' },
    { refused: "stack.base_invalid" },
  ),
  {
    kind: "no service of Annie's",
    files: compose("services: {x: {image: x}}\n"),
    refused: "stack.base_invalid",
  },
  {
    kind: "include of a file that is missing",
    files: compose("include: [gone.yaml]\n"),
    refused: "stack.base_invalid",
  },
  {
    kind: "extends of a file that is missing",
    files: compose("services: {her-os-core: {extends: {file: gone.yaml, service: x}}}\n"),
    refused: "stack.base_invalid",
  },
  {
    kind: "COMPOSE_FILE that names a file that is missing",
    files: { ".env": "COMPOSE_FILE=gone.yml\n", ...compose(base()) },
    refused: "stack.base_invalid",
  },
];
