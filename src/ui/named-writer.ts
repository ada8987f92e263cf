import type { Interview, Person } from "../plan/interview.ts";
import { named, withName } from "../run/assistant.ts";
import type { HerosEvent } from "../run/event.ts";
import { Failure } from "../run/failure.ts";
import type { Writer } from "./writer.ts";

/**
 * The writer, asking with the name of what the events that it was given are about. Events have their names already; what
 * a person is asked has not.
 */
export function withNames(writer: Writer): Writer {
  let assistant: string | null = null;
  return {
    ...writer,
    write(event) {
      if (event.type === "stack.chosen") assistant = event.assistant;
      writer.write(event);
    },
    ...asking(writer, {
      fill: (text) => withName(text, assistant),
      event: (event) => named(event, assistant),
    }),
  };
}

/** Fills the name in, where one is known by then. */
interface Naming {
  fill(text: string): string;
  event<Event extends HerosEvent>(event: Event): Event;
}

/** What a person is asked outside of an interview's questions, which say the name of their own catalog. */
function asking({ ask, remedy, confirm, choose }: Person, naming: Naming): Person {
  const { fill, event } = naming;
  return {
    ...(ask && { ask: (interview, signal) => ask(namedInterview(interview, naming), signal) }),
    ...(remedy && {
      remedy: (failed, signal) => remedy({ ...failed, checks: failed.checks.map(event) }, signal),
    }),
    ...(confirm && {
      confirm: ({ question, details }, signal) =>
        confirm({ question: fill(question), details: details.map(fill) }, signal),
    }),
    ...(choose && {
      choose: ({ question, options }, signal) => {
        const told = options.map(({ value, label, detail }) => ({
          value,
          label: fill(label),
          detail: fill(detail),
        }));
        return choose({ question: fill(question), options: told }, signal);
      },
    }),
  };
}

/** What it tells and what it refuses, with the name. */
function namedInterview(interview: Interview, { fill, event }: Naming): Interview {
  const told = async <T>(asked: Promise<T>): Promise<T> => {
    try {
      return await asked;
    } catch (error) {
      throw error instanceof Failure ? filled(error, fill) : error;
    }
  };
  return {
    ...interview,
    preview: async (answers, signal) => event(await told(interview.preview(answers, signal))),
    checkFolder: (answers, signal) => told(interview.checkFolder(answers, signal)),
  };
}

function filled(failure: Failure, fill: Naming["fill"]): Failure {
  const { code, message, hint, formHint, exitCode } = failure;
  const words = { message: fill(message), hint: fill(hint), formHint: fill(formHint) };
  return new Failure({ code, exitCode, ...words, cause: failure });
}
