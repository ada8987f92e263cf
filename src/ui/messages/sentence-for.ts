import { withName } from "../../run/assistant.ts";
import type { TimedEvent } from "../../run/event.ts";
import type { RunState } from "../../run/state/state.ts";
import { healthSentence, stackSentence } from "./stack.ts";
import { downloadSentence, imageSentence } from "./download.ts";
import { checkSentences, machineSentence } from "./machine.ts";
import { modelsSentence } from "./cache.ts";
import { catalogSentence } from "./catalog.ts";
import { planSentence } from "./plan.ts";
import { isNotSetUp, releaseSentence, statusSentence } from "./reports.ts";
import { serveSentence } from "./serve.ts";
import { pushSentence } from "./push.ts";
import { runSentence } from "./run.ts";
import { cleanText } from "../clean-text.ts";
import type { Sentence } from "./sentence.ts";

/**
 * What an event says to a person, the same in every writer; null where only a bar or a row changes.
 * `state` is the one after the event.
 */
export function sentenceFor(event: TimedEvent, state: RunState): Sentence | null {
  const sentence = unnamedSentence(event, state);
  return sentence === null ? null : namedSentence(sentence, state);
}

/** With the name of what the run is about, as `withName` fills it in. */
export function namedSentence(sentence: Sentence, { stack }: Pick<RunState, "stack">): Sentence {
  const fill = (text: string) => cleanText(withName(text, stack?.assistant ?? null));
  return { ...sentence, text: fill(sentence.text), more: sentence.more.map(fill) };
}

function unnamedSentence(event: TimedEvent, state: RunState): Sentence | null {
  switch (event.type) {
    case "run.started":
    case "run.succeeded":
      // What was asked is the whole answer.
      return isWholeAnswer(state) ? null : runSentence(event, state);
    case "run.failed":
    case "run.cancelled":
    case "stage.started":
    case "stage.finished":
    case "notice":
    case "hub.waiting":
    case "registry.waiting":
      return runSentence(event, state);
    case "check.started":
    case "check.finished":
    case "machine.detected":
    case "checks.listed":
      return machineSentence(event, state);
    case "plan.ready":
      return planSentence(event);
    case "file.written":
    case "stack.command":
    case "container.changed":
    case "container.failed":
    case "container.logged":
      return stackSentence(event, state);
    case "stack.chosen":
    case "download.progress":
    case "verify.progress":
    case "push.progress":
    case "serve.progress":
    case "cache.shared":
    case "doctor.report":
      return null;
    case "image.planned":
    case "image.progress":
    case "image.ready":
      return imageSentence(event, state);
    case "download.planned":
    case "download.retrying":
    case "download.blocked":
    case "download.paused":
    case "download.resumed":
    case "file.started":
    case "file.verified":
    case "model.ready":
    case "download.finished":
      return downloadSentence(event, state);
    case "annie.health":
    case "annie.online":
    case "annie.proved":
    case "capability.ready":
      return healthSentence(event, state);
    case "models.listed":
    case "file.damaged":
    case "verify.finished":
    case "prune.planned":
    case "update.planned":
    case "file.removed":
    case "model.pushed":
      return modelsSentence(event);
    case "status.read":
      // Before the first setup, the demo that runs is all there is to tell.
      return isNotSetUp(event) && state.notices.some(({ code }) => code === "status.demo_runs")
        ? null
        : statusSentence(event, state);
    case "catalogs.listed":
    case "catalog.checked":
      return catalogSentence(event);
    case "serve.listening":
    case "serve.fetched":
    case "serve.announced":
    case "serve.client":
    case "serve.sent":
      return serveSentence(event);
    case "remote.checked":
    case "remote.installed":
      return pushSentence(event);
    case "upgrade.checked":
    case "upgrade.changes":
    case "version.read":
      return releaseSentence(event);
  }
}

function isWholeAnswer({ run }: RunState): boolean {
  return ["version", "logs", "doctor --list", "catalog ls", "catalog check"].includes(
    run?.command ?? "",
  );
}

/**
 * The sentences that an event adds to lines. Checks are told in the order of their table, each as soon as all before it are
 * known: the machine answers them in another order every time.
 */
export function sentencesFor(
  event: TimedEvent,
  { before, state }: { readonly before: RunState; readonly state: RunState },
): readonly Sentence[] {
  if (event.type === "check.finished") return checkSentences(before.checks, state);
  const sentence = sentenceFor(event, state);
  return sentence === null ? [] : [sentence];
}

/** Whether it is told at this verbosity. */
export function isTold(sentence: Sentence, verbosity: "quiet" | "normal" | "verbose"): boolean {
  const ranks = { quiet: 0, normal: 1, verbose: 2 } as const;
  return ranks[sentence.from] <= ranks[verbosity];
}
