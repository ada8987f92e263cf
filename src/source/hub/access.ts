import { z } from "zod";
import { Failure } from "../../run/failure.ts";
import { callApi, readJson } from "./api.ts";
import { captivePortal } from "./failures.ts";
import type { Session } from "./request.ts";

/** What the Hub says of a repository to anybody: `hidden` are private ones and those that do not exist. */
export type RepoAccess = "public" | "gated" | "hidden";

/** What is read of GET /api/models/{id}. */
const info = z.object({
  private: z.boolean().optional(),
  gated: z.union([z.boolean(), z.string()]).optional(),
});

/** Asks the Hub without a token who may have a repository. @throws Failure `hub.…` where it can't be known; AbortError */
export async function fetchAccess(
  session: Omit<Session, "token">,
  repo: string,
  signal: AbortSignal,
): Promise<RepoAccess> {
  const { endpoint } = session;
  try {
    const url = `${endpoint}/api/models/${repo}`;
    const { text } = await callApi({ ...session, token: null }, { url, asked: { repo }, signal });
    const parsed = info.safeParse(readJson(text, endpoint));
    if (!parsed.success) throw captivePortal(endpoint, "its answer can't be read", parsed.error);
    const { private: isPrivate = false, gated = false } = parsed.data;
    if (isPrivate) return "hidden";
    return gated === false ? "public" : "gated";
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === "hub.repo_not_found" || error.code === "hub.forbidden") return "hidden";
    if (error.code === "hub.gated") return "gated";
    throw error;
  }
}
