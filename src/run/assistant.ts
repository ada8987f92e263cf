import type { HerosEvent } from "./event.ts";

/**
 * Sentences speak of what is set up by its name, which only a catalog knows: where they are written, `{assistant}` stands
 * for it. It is filled in where an event is told, or where a screen shows what is no event.
 */
const placeholder = "{assistant}";

/** While no catalog is known. */
const nameless = "the assistant";

/** A text with the name in it: "Ann is online". One that begins with "the" has a capital where a sentence begins. */
export function withName(text: string, assistant: string | null): string {
  const name = assistant ?? nameless;
  const first = name.replace(/^the /u, "The ");
  const begins = /(?:^|[.!?]\s+|\n\s*)$/u;
  return text.replaceAll(placeholder, (_, at: number) =>
    begins.test(text.slice(0, at)) ? first : name,
  );
}

/** "text to speech" for `text_to-speech`, the name of a capability that nobody has words for. */
export function plainName(name: string): string {
  return name.replaceAll(/[_-]+/g, " ");
}

/** What the run is about is called, as far as its events have told. */
export function assistantOf({
  stack,
}: {
  readonly stack: { readonly assistant: string } | null;
}): string {
  return withName(placeholder, stack?.assistant ?? null);
}

/** The event with the name in its sentences; what machines read of it, and what others said, stays as it is. */
export function named<Event extends HerosEvent>(event: Event, assistant: string | null): Event;
export function named(event: HerosEvent, assistant: string | null): HerosEvent {
  const fill = (text: string) => withName(text, assistant);
  switch (event.type) {
    case "run.succeeded":
      return { ...event, summary: event.summary.map(fill) };
    case "run.failed":
      return { ...event, message: fill(event.message), hint: fill(event.hint) };
    case "run.cancelled":
      return { ...event, hint: fill(event.hint) };
    case "notice": {
      const { message, hint } = event;
      return {
        ...event,
        message: fill(message),
        ...(hint === undefined ? {} : { hint: fill(hint) }),
      };
    }
    case "check.started":
      return { ...event, title: fill(event.title) };
    case "check.finished": {
      const { title, found, remedy } = event;
      const told = { ...event, title: fill(title), found: fill(found) };
      return remedy === undefined ? told : { ...told, remedy: fill(remedy) };
    }
    case "checks.listed": {
      const checks = event.checks.map(({ id, title, why }) => ({
        id,
        title: fill(title),
        why: fill(why),
      }));
      return { ...event, checks };
    }
    case "doctor.report": {
      const checks = event.checks.map((check) => ({
        ...check,
        title: fill(check.title),
        found: fill(check.found),
        why: fill(check.why),
        fix: check.fix === null ? null : fill(check.fix),
      }));
      return { ...event, checks };
    }
    case "capability.ready":
      return { ...event, message: fill(event.message) };
    case "plan.ready":
      return event.answerLines === undefined
        ? event
        : { ...event, answerLines: event.answerLines.map(fill) };
    default:
      return event;
  }
}
