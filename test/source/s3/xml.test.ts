import { expect, test } from "vitest";
import { readXml } from "../../../src/source/s3/xml.ts";

test("what is escaped is read as what it stands for", () => {
  const answer = "<a>&lt;b&gt; &amp;amp; &#65;&#x1F600; &apos;&quot;</a>";
  expect(readXml(answer)?.text).toBe("<b> &amp; A\u{1F600} '\"");
});

test.each([
  ["an entity of its own", "&evil;"],
  ["half a character", "&#xD800;"],
  ["no character", "&#0;"],
  ["more than there is", "&#x110000;"],
  ["nothing, many times", "&".repeat(4_000_000)],
])("an answer that escapes %s is none", (_what, text) => {
  expect(readXml(`<a>${text}</a>`)).toBeNull();
});
