import { dirname, join } from "node:path";
import type { Files } from "../../host/host.ts";
import { isMachineFact, sparkFiles, sparkFolders } from "./facts.ts";

/** Lays a Spark's files down below a folder, and gives files that look there for what tells of the machine. All else is where it was. */
export async function layMachineFiles(files: Files, root: string): Promise<Files> {
  for (const folder of sparkFolders) await files.mkdir(join(root, folder), { recursive: true });
  for (const [path, content] of Object.entries(sparkFiles)) {
    await files.mkdir(dirname(join(root, path)), { recursive: true });
    await files.writeFile(join(root, path), content);
  }
  const redirect = (path: unknown): unknown =>
    typeof path === "string" && isMachineFact(path) ? join(root, path) : path;
  return new Proxy(files, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return (path: unknown, ...rest: unknown[]): unknown =>
        Reflect.apply(method, target, [redirect(path), ...rest]);
    },
  });
}
