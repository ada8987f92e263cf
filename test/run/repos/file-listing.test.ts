import { expect, test } from "vitest";
import { fileThatIsFolder } from "../../../src/run/repos/file-listing.ts";

test.each([
  [["x", "x/y"], "x"],
  [["a/b/c/d", "a/b"], "a/b"],
  [["x", "xy", "x.y/z", "a/x"], undefined],
])("of %j, %s is a file and a folder", (paths, found) => {
  expect(fileThatIsFolder(paths)).toBe(found);
});
