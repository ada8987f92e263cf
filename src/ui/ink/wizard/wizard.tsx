import type * as widgetCode from "../widgets.tsx";
import { useInput, usePaste } from "ink";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { currentQuestion } from "../../../plan/interview.ts";
import { Failure, isAbort } from "../../../run/failure.ts";
import { Frame, type Widgets } from "../frame.tsx";
import { type Press, readKeys } from "../keys.ts";
import type { Line, Size } from "../line.ts";
import type { Snapshot, WizardRequest } from "../screen-store.ts";
import type { Theme } from "../theme.ts";
import { withinPage, wizardPage } from "./pages.ts";
import { edited, pasted, pressed } from "./press.ts";
import { editorColumns } from "./question-page.ts";
import {
  type Effect,
  effectFailed,
  folderChecked,
  openWizard,
  previewed,
  tokenChecked,
  type WizardState,
} from "./wizard-state.ts";

/** Asks the questions; keys change its state by pure functions, effects run here and tell their outcome. */
export function Wizard({
  request,
  snapshot,
  size,
  theme,
  compose = (lines) => lines,
}: {
  readonly request: WizardRequest;
  readonly snapshot: Snapshot;
  readonly size: Size;
  readonly theme: Theme;
  /** The page with what stands above it. */
  compose?(lines: readonly Line[]): readonly Line[];
}): ReactNode {
  const [wizard, setWizard] = useState(() => openWizard(request.interview));

  const { widgets, takes } = useWizardWidgets({ wizard, update: setWizard, size, theme });

  useInput((input, key) => {
    const presses = readKeys(input, key);
    if (takes(presses)) return;
    const view = { state: snapshot.state, tick: snapshot.tick, size, theme };
    for (const press of presses) {
      setWizard((now) => withinPage({ ...view, wizard: pressed(now, press) }));
    }
  });
  usePaste((text) => setWizard((state) => pasted(state, text)));
  useEffects(wizard.effect, request, setWizard);
  useEffect(() => {
    // Where they can't be kept the wizard still works; only an interrupted one starts over.
    if (wizard.answers !== request.interview.answers) {
      request.interview.remember(wizard.answers).catch(() => undefined);
    }
  }, [wizard.answers, request]);
  useEffect(() => {
    if (wizard.outcome !== null) request.finish(wizard.outcome.answers);
  }, [wizard.outcome, request]);

  const { state, tick } = snapshot;
  return (
    <Frame
      lines={compose(wizardPage({ wizard, state, tick, size, theme }))}
      size={size}
      theme={theme}
      widgets={widgets}
    />
  );
}

type Update = (change: (state: WizardState) => WizardState) => void;

/** Runs what the wizard waits for; a page that is left takes it back. */
function useEffects(effect: Effect | null, request: WizardRequest, update: Update): void {
  useEffect(() => {
    if (effect === null) return undefined;
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, request.signal]);
    const show = (change: (state: WizardState) => WizardState): void => {
      // An answer that nobody waits for any more changes nothing.
      update((state) => (state.effect === effect ? change(state) : state));
    };
    run(effect, request, signal, show).catch((error: unknown) => {
      if (isAbort(error)) return;
      if (error instanceof Failure)
        show((state) => effectFailed(state, `${error.message} ${error.formHint}`));
      else request.fail(error);
    });
    return () => ended.abort();
  }, [effect, request, update]);
}

async function run(
  effect: Effect,
  { interview }: WizardRequest,
  signal: AbortSignal,
  show: Update,
): Promise<void> {
  if (effect.kind === "token") {
    const check = await interview.checkToken(effect.secret, signal);
    show((state) => tokenChecked(state, check));
    return;
  }
  if (effect.kind === "folder") {
    await interview.checkFolder(effect.answers, signal);
    show(folderChecked);
    return;
  }
  const plan = await interview.preview(effect.answers, signal);
  show((state) => previewed(state, plan));
}

type WidgetCode = typeof widgetCode;

/** What a widget on the page listens for by itself. */
type Listener = "editor" | "confirm" | null;

/**
 * The widgets of the page that is shown, and which keys are theirs. Their library costs 50 ms to load:
 * it is loaded when a page first needs one, and until then the wizard answers the keys itself.
 */
export function useWizardWidgets({
  wizard,
  update,
  size,
  theme,
}: {
  readonly wizard: WizardState;
  readonly update: (change: (state: WizardState) => WizardState) => void;
  readonly size: Size;
  readonly theme: Theme;
}): { readonly widgets: Widgets | null; takes(presses: readonly Press[]): boolean } {
  const [code, setCode] = useState<WidgetCode | null>(null);
  const listener = listenerOf(wizard);
  const needed = listener !== null || wizard.effect !== null;
  useEffect(() => {
    if (!needed || code !== null) return undefined;
    let wanted = true;
    // Where it can't be loaded, the page stays as it is without.
    const load = async (): Promise<void> => {
      const loaded = await import("../widgets.tsx");
      if (wanted) setCode(loaded);
    };
    load().catch(() => undefined);
    return () => {
      wanted = false;
    };
  }, [needed, code]);
  const isListening = useRef(false);
  const onListening = useCallback((now: boolean) => {
    isListening.current = now;
  }, []);
  const onChange = useCallback((text: string) => update((state) => edited(state, text)), [update]);
  if (code === null) return { widgets: null, takes: () => false };
  const { Confirm, Editor, Wait } = code;
  return {
    widgets: {
      editor: (
        <Editor
          key={wizard.typedAnew}
          text={wizard.typed ?? ""}
          columns={editorColumns(size)}
          onListening={onListening}
          onChange={onChange}
          onSubmit={(text) => update((state) => pressed(edited(state, text), { kind: "enter" }))}
        />
      ),
      confirm: (
        <Confirm
          key={String(wizard.leaving)}
          enterIsYes={!wizard.leaving}
          onListening={onListening}
          onAnswer={(yes) =>
            update((state) => pressed(state, { kind: "text", text: yes ? "y" : "n" }))
          }
        />
      ),
      wait: <Wait theme={theme} />,
    },
    takes: (presses) => {
      const [press] = presses;
      const isOne = press !== undefined && presses.length === 1;
      return isOne && isListening.current && isOwn(press, listener);
    },
  };
}

function listenerOf(wizard: WizardState): Listener {
  if (wizard.leaving || wizard.page === "earlier") return "confirm";
  const editing = wizard.typed !== null && currentQuestion(wizard)?.kind === "path";
  return editing && wizard.panel === null ? "editor" : null;
}

function isOwn(press: Press, listener: Listener): boolean {
  switch (listener) {
    case "confirm":
      return press.kind === "enter" || (press.kind === "text" && /^[yn]$/i.test(press.text));
    case "editor":
      return ["text", "backspace", "enter", "left", "right"].includes(press.kind);
    case null:
      return false;
  }
}
