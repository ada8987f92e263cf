import { expect, it } from "vitest";
import { closeNames } from "../../src/run/close-names.ts";

const known = ["gpu", "docker.engine", "docker.gpu", "hub", "memory"];

it.each([
  ["gpus", ["gpu"]],
  ["docker", ["docker.engine", "docker.gpu"]],
  ["memroy", ["memory"]],
  ["HUB", ["hub"]],
  ["something", []],
])("%s may mean %j", (typed, close) => {
  expect(closeNames(typed, known)).toEqual(close);
});
