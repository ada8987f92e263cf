import { expect, test } from "vitest";
import { ownFiles, read } from "./own-files.ts";

/** What the program used to say, and the best programs don't. Regular expressions, whatever the case; words stand for themselves. */
const banned = [
  "all the same",
  "anew",
  "Annie answers and is well",
  "answered before it is asked",
  "are here[.:,]",
  "as the Hub promises",
  "asking how Annie is",
  "asks? what is open",
  "at once",
  "at work",
  "bytes came",
  "came in \\d",
  "can't be \\\\?\"",
  "chosen now",
  "does not answer yet",
  "every byte kept",
  "faster than life",
  "go on all",
  "goes? on (?:from|there|to|where|with)",
  "goes to its choice",
  "going on with",
  "here already",
  "is asked next",
  "is here(?:,|\\.| whole)",
  "is no (?:answer|event) (?:to|of)",
  "keeps? (?:Annie|her|models|you) from",
  "lays this file",
  "listen to voice",
  "looks? away",
  "mend(?:s|ed)?",
  "neither fetched nor",
  "nobody can answer",
  "not fetched twice",
  "of it checked",
  "puts? (?:it )?right",
  "see what she writes",
  "takes? the most space",
  "terms you had",
  "to be of any use",
  "wants? about",
  "were here before",
  "what is not right",
  "what nothing needs",
  "when all is there",
  "whole and checked",
  "without a word",
].map((phrase) => new RegExp(`(?<![\\w-])${phrase}(?!\\w)`, "gi"));

/** What no comment says either. */
const odd =
  /\b(?:all the same|anew|keeps? annie from|look away|mend(?:s|ed)?|put right|what is not right)\b/gi;

/** Where people read the program's words. */
const places: readonly { readonly place: string; readonly files: RegExp }[] = [
  { place: "the program", files: /^(?:src|bin)\// },
  { place: "install.sh", files: /^install\.sh$/ },
  { place: "README.md and docs/", files: /^(?:README|docs\/[\w-]+)\.md$/ },
];

/** The program's own words: the code without its comments, a page as it is. */
function proseOf(file: string, text: string): string {
  if (file.endsWith(".md")) return text;
  const comments = file.endsWith(".sh") ? /^\s*#.*$/gm : /^\s*(?:\/\/|\/?\*).*$/gm;
  return text.replaceAll(comments, "");
}

function bannedIn(words: string): string[] {
  return words
    .split("\n")
    .flatMap((line, index) =>
      banned.flatMap((phrase) =>
        [...line.matchAll(phrase)].map(([found]) => `${index + 1}: ${found}`),
      ),
    );
}

test("a phrase that is banned is found in words, and in no comment", () => {
  expect(bannedIn('say("To mend it: run this");\nsay("recommended");')).toEqual(["1: mend"]);
  expect(bannedIn(proseOf("a.ts", "  // at once\n/** at once */\nx = `At once`;"))).toEqual([
    "3: At once",
  ]);
});

test.each(places)("$place: no banned phrase", async ({ files }) => {
  const named = (await ownFiles()).filter((file) => files.test(file));
  expect(named).not.toEqual([]);
  const found = await Promise.all(
    named.map(async (file) =>
      bannedIn(proseOf(file, await read(file))).map((phrase) => `${file}:${phrase}`),
    ),
  );
  expect(found.flat()).toEqual([]);
});

test("comments say nothing in a way that nobody else says it", async () => {
  const sources = (await ownFiles()).filter((file) => file.startsWith("src/"));
  const found = await Promise.all(
    sources.map(async (file) => ((await read(file)).match(odd) ?? []).map((it) => [file, it])),
  );
  expect(found.flat()).toEqual([]);
});
