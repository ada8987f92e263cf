import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findS3Settings } from "../../../src/source/s3/settings.ts";
import { quickHost } from "../../download/scene.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "heros-s3-"));
  await mkdir(join(home, ".aws"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const find = (env: Record<string, string> = {}) =>
  findS3Settings({ ...quickHost(), env, home, cwd: home });
const write = (name: string, text: string) => writeFile(join(home, ".aws", name), text);
const shown = async (env?: Record<string, string>) => {
  const { credentials, ...rest } = await find(env);
  const { accessKeyId = null, secretAccessKey, sessionToken } = credentials ?? {};
  const secrets = [secretAccessKey?.reveal(), sessionToken?.reveal()];
  return { ...rest, keys: [accessKeyId, ...secrets] };
};

test("without anything, AWS is asked by nobody", async () => {
  expect(await find()).toEqual({ endpoint: null, region: "us-east-1", credentials: null });
});

test("the environment wins over the profile, and the service's address over the general one", async () => {
  await write("credentials", "[default]\naws_access_key_id = A\naws_secret_access_key = B\n");
  const env = {
    AWS_ACCESS_KEY_ID: "ID",
    AWS_SECRET_ACCESS_KEY: "SECRET",
    AWS_SESSION_TOKEN: "SESSION",
    AWS_DEFAULT_REGION: "eu-west-1",
    AWS_ENDPOINT_URL: "http://general:9000",
    AWS_ENDPOINT_URL_S3: "http://minio:9000/",
  };
  expect(await shown(env)).toEqual({
    endpoint: "http://minio:9000",
    region: "eu-west-1",
    keys: ["ID", "SECRET", "SESSION"],
  });
});

test("a profile is put together from both files, as the AWS tools do", async () => {
  await write(
    "credentials",
    "# mine\n[default]\naws_access_key_id=A\naws_secret_access_key=B\n[work]\naws_access_key_id = W/+= ; not this\naws_secret_access_key = S/e+c=ret\n",
  );
  await write(
    "config",
    "[default]\nregion = eu-north-1\n\n[profile work]\nregion = eu-central-1\nservices = local\n[services local]\ns3 =\n  endpoint_url = https://minio.example:9000\n  max_retries = 3\n",
  );
  expect(await shown()).toMatchObject({ region: "eu-north-1", keys: ["A", "B", undefined] });
  expect(await shown({ AWS_PROFILE: "work" })).toEqual({
    endpoint: "https://minio.example:9000",
    region: "eu-central-1",
    keys: ["W/+=", "S/e+c=ret", undefined],
  });
});

test("the files may lie elsewhere", async () => {
  await writeFile(join(home, "keys"), "[default]\naws_access_key_id=A\naws_secret_access_key=B\n");
  expect(await shown({ AWS_SHARED_CREDENTIALS_FILE: "~/keys" })).toMatchObject({
    keys: ["A", "B", undefined],
  });
});

test.each([
  {
    what: "a profile that is not there",
    env: { AWS_PROFILE: "none" },
    code: "s3.no_profile",
  },
  {
    what: "a profile of single sign-on",
    env: { AWS_PROFILE: "sso" },
    code: "s3.profile_without_keys",
  },
  {
    what: "an address that is none",
    env: { AWS_ENDPOINT_URL_S3: "minio:9000" },
    code: "s3.bad_setting",
  },
  {
    what: "an address with a password",
    env: { AWS_ENDPOINT_URL_S3: "http://me:hunter2@minio:9000" },
    code: "s3.bad_setting",
  },
  {
    what: "a region that would become another host",
    env: { AWS_REGION: "evil.example/" },
    code: "s3.bad_setting",
  },
  {
    what: "a key with a line break",
    env: { AWS_ACCESS_KEY_ID: "A", AWS_SECRET_ACCESS_KEY: "hunter2\r\nx: y" },
    code: "s3.bad_setting",
  },
])("$what is told, without a secret", async ({ env, code }) => {
  await write("config", "[profile sso]\nsso_session = work\n");
  const error: unknown = await find(env as Record<string, string>).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code, exitCode: 2 });
  expect((error as Error).message).not.toContain("hunter2");
});
