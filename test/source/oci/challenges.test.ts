import fc from "fast-check";
import { expect, test } from "vitest";
import { parseChallenges } from "../../../src/source/oci/tokens.ts";

const read = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test.each([
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/redis:pull"',
    [
      [
        "bearer",
        {
          realm: "https://auth.docker.io/token",
          service: "registry.docker.io",
          scope: "repository:library/redis:pull",
        },
      ],
    ],
  ],
  [
    'bearer Realm = "https://a.io/t" , scope="repository:a:pull,push" ,error=invalid_token',
    [
      [
        "bearer",
        { realm: "https://a.io/t", scope: "repository:a:pull,push", error: "invalid_token" },
      ],
    ],
  ],
  ['Basic realm="Registry \\"A\\" \\\\"', [["basic", { realm: 'Registry "A" \\' }]]],
  [
    "Bearer realm=https://a.io/t,service=a.io",
    [["bearer", { realm: "https://a.io/t", service: "a.io" }]],
  ],
  [
    'Negotiate, Basic realm="one, two", Bearer realm="https://a.io/t"',
    [
      ["negotiate", {}],
      ["basic", { realm: "one, two" }],
      ["bearer", { realm: "https://a.io/t" }],
    ],
  ],
  ['Bearer realm="first",realm="second"', [["bearer", { realm: "first" }]]],
  ['Bearer realm="https://a.io/t', [["bearer", {}]]],
  ['realm="nobody\'s"', []],
  ["", []],
  [", ,", []],
])("%s is read", (header, expected) => {
  expect(read(header)).toEqual(expected);
});

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const value = fc.string({ maxLength: 20, unit: fc.constantFrom(...Array.from('ab ,="\\:/é')) });
const challenge = fc.record({
  scheme: word,
  parameters: fc.dictionary(word, value, { maxKeys: 4, noNullPrototype: true }),
});

test("what was written by the rules is read as it was meant", () => {
  const quote = (text: string) => `"${text.replaceAll(/["\\]/g, (sign) => `\\${sign}`)}"`;
  fc.assert(
    fc.property(fc.array(challenge, { maxLength: 3 }), (challenges) => {
      const header = challenges
        .map(({ scheme, parameters }) => {
          const pairs = Object.entries(parameters).map(([name, text]) => `${name}=${quote(text)}`);
          return `${scheme} ${pairs.join(", ")}`.trim();
        })
        .join(", ");
      expect(read(header)).toEqual(challenges.map((each) => [each.scheme, each.parameters]));
    }),
  );
});

test("whatever a header holds, it is read without an error, and soon", () => {
  const signs = fc.string({ maxLength: 3000, unit: fc.constantFrom(...Array.from('ab= ,"\\\t')) });
  fc.assert(
    fc.property(fc.oneof(fc.string(), signs), (header) => {
      for (const { scheme } of parseChallenges(header)) expect(scheme).toMatch(/^\S+$/);
    }),
  );
  // Each of these takes a parser that goes back too often for longer than a test may take.
  for (const part of ["a", "a=", " ", "=", '"', '\\"', 'a="', "a ,"]) {
    expect(parseChallenges(`Bearer ${part.repeat(60_000)}`).length).toBeLessThan(8192);
  }
});
