import { exitCodes } from "../failure.ts";
import { row } from "./row.ts";

export const hubFailures = {
  /** `missing`: "file a.json", "files". `listed`: its list of files says so, and not an answer to a question for one. */
  "hub.file_not_found": row<{
    readonly repo: string;
    readonly revision: string;
    readonly missing: string;
    readonly listed: boolean;
  }>({
    exitCode: exitCodes.usage,
    message: ({ repo, revision, missing }) => `${repo} has no ${missing} at revision ${revision}.`,
    hint: ({ listed }) =>
      listed
        ? "Check the repository, its revision and the names under `files` in the catalog."
        : "Check the names under `files` in the catalog.",
  }),
  "hub.branch_moved": row<{
    readonly repo: string;
    readonly branch: string;
    readonly commit: string;
  }>({
    exitCode: exitCodes.network,
    message: ({ repo, branch, commit }) =>
      `${repo} changed on the Hub during the download: ${branch} no longer leads to commit ${commit.slice(0, 7)}.`,
    hint: () =>
      "Run the same command again. It downloads the new files and keeps those that did not change.",
  }),
  "hub.offline": row<{ readonly missing: string }>({
    exitCode: exitCodes.network,
    message: ({ missing }) => `HF_HUB_OFFLINE is set, and the cache does not have ${missing}.`,
    hint: () =>
      "Unset HF_HUB_OFFLINE and run heros again, or point HF_HUB_CACHE to a cache that has it.",
  }),
};
