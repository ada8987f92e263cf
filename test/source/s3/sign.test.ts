import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { Secret } from "../../../src/run/secret.ts";
import { emptySha256, encoded, signedHeaders } from "../../../src/source/s3/sign.ts";

/** AWS's own: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
const example = {
  region: "us-east-1",
  at: new Date("2013-05-24T00:00:00Z"),
  credentials: {
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: new Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    sessionToken: null,
    where: "the example",
  },
};
const base = "https://examplebucket.s3.amazonaws.com";

test.each([
  {
    what: "a range of an object",
    method: "GET",
    url: `${base}/test.txt`,
    headers: { range: "bytes=0-9" },
    body: "",
    signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  },
  {
    what: "an upload, of a name with a sign",
    method: "PUT",
    url: `${base}/${encoded("test$file.text")}`,
    headers: { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
    body: "Welcome to Amazon S3.",
    signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  },
  {
    what: "a question without a value",
    method: "GET",
    url: `${base}/?lifecycle=`,
    headers: {},
    body: "",
    signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  },
  {
    what: "a list, whose words stand in another order",
    method: "GET",
    url: `${base}/?prefix=J&max-keys=2`,
    headers: {},
    body: "",
    signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  },
])("AWS's example is signed as AWS signs it: $what", ({ body, signature, ...request }) => {
  const bodySha256 = createHash("sha256").update(body).digest("hex");
  const { authorization } = signedHeaders({ ...example, ...request, bodySha256 });
  expect(authorization).toMatch(new RegExp(`Signature=${signature}$`, "u"));
});

test("another day, another region and other credentials sign anew", () => {
  const request = { method: "GET", url: `${base}/a`, headers: {}, bodySha256: emptySha256 };
  const signed = (changed: Partial<typeof example>) => {
    const { authorization = "" } = signedHeaders({ ...request, ...example, ...changed });
    return authorization.replace(/^.*Signature=/u, "");
  };
  const first = signed({});
  const { credentials } = example;
  const others = [
    signed({ at: new Date("2013-05-25T00:00:00Z") }),
    signed({ region: "eu-central-1" }),
    signed({ credentials: { ...credentials, secretAccessKey: new Secret("another") } }),
  ];
  expect(new Set([first, ...others]).size).toBe(4);
  expect(signed({ credentials: { ...credentials } })).toBe(first);
  expect(signed({})).toBe(first);
});

test("a session token is sent, and signed", () => {
  const credentials = { ...example.credentials, sessionToken: new Secret("of-a-role") };
  const request = { method: "GET", url: `${base}/a`, headers: {}, bodySha256: emptySha256 };
  const signed = signedHeaders({ ...example, ...request, credentials });
  expect(signed["x-amz-security-token"]).toBe("of-a-role");
  expect(signed["authorization"]).toContain("x-amz-security-token");
});
