import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cleanEnv } from "../../program.ts";

const script = `
import sys, hf_xet
commit = hf_xet.XetSession().new_upload_commit(endpoint="local://" + sys.argv[1])
upload = commit.start_upload_file(sys.argv[2], sha256=hf_xet.SKIP_SHA256)
commit.wait_to_finish()
print(upload.result().xet_info.hash)
`;

/** Cuts a file into chunks and xorbs as an upload to the Hub does, into a folder. @returns its Xet hash */
export async function uploadFile(venv: string, folder: string, path: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const python = join(venv, "bin/python");
  const { stdout } = await promisify(execFile)(python, ["-c", script, folder, path], {
    env: cleanEnv(folder),
  });
  return stdout.trim();
}
