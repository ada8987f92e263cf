import { expect, it } from "vitest";
import { ownFiles, read } from "./own-files.ts";

/** A command for a shell with a value put into it as it is. */
const bareValue =
  /\b(?:cd|ls -ld?|chown|chmod|mkdir|rm|mv|u?mount|curl|docker (?:stop|start|logs|compose (?:logs|up)))(?= )(?:(?!\. )[^`":$\n])* \$\{(?!quoted\(|inFolder\()[^}]*\}/g;

async function sources(): Promise<[file: string, text: string][]> {
  const files = (await ownFiles()).filter((file) => /^src\/.*\.tsx?$|^install\.sh$/.test(file));
  return Promise.all(files.map(async (file) => [file, await read(file)]));
}

it("commands that are advised have their values quoted for a shell", async () => {
  const bare = (await sources()).flatMap(([file, text]) =>
    [...text.matchAll(bareValue)].map(([found]) => `${file}: ${found}`),
  );
  expect(bare).toEqual([]);
});

it("no advice takes whole trees from their owner, or deletes them or what Docker keeps", async () => {
  const harmful =
    /sudo (?:rm|chmod)\b|(?:chown|chmod) (?:-\w*R|--recursive)|rm -\w*[rf]\w* (?:[/'~]|\$\{)|docker (?:system|volume|container) (?:prune|rm)|prune (?:-a|--all|--volumes)|compose down (?:-v|--volumes)/g;
  const found = (await sources())
    .filter(([file]) => file.startsWith("src/"))
    .flatMap(([file, text]) => [...text.matchAll(harmful)].map(([words]) => `${file}: ${words}`));
  expect(found).toEqual([]);
});
