import { useInput, usePaste } from "ink";
import { useEffect, useState, type ReactNode } from "react";
import { Failure, isAbort } from "../../../progress/failure.ts";
import { Frame } from "../frame.tsx";
import type { Line, Size } from "../line.ts";
import type { Snapshot } from "../store.ts";
import type { Theme } from "../theme.ts";
import { readKeys } from "./keys.ts";
import { withinPage, wizardPage } from "./pages.ts";
import { pasted, pressed } from "./press.ts";
import type { WizardRequest } from "./request.ts";
import { useWizardWidgets } from "./wizard-widgets.tsx";
import {
  errandFailed,
  openWizard,
  previewed,
  tokenChecked,
  type Errand,
  type WizardState,
} from "./wizard-state.ts";

/** Asks the questions; keys change its state by pure functions, errands run here and tell their outcome. */
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
  const [wizard, setWizard] = useState(() => openWizard(request.planning));

  const { widgets, takes } = useWizardWidgets({ wizard, update: setWizard, size, theme });

  useInput((input, key) => {
    const presses = readKeys(input, key);
    if (takes(presses)) return;
    for (const press of presses) setWizard((state) => withinPage(pressed(state, press), size));
  });
  usePaste((text) => setWizard((state) => pasted(state, text)));
  useErrand(wizard.errand, request, setWizard);
  useEffect(() => {
    // Where they can't be kept the wizard still works; only an interrupted one begins anew.
    if (wizard.answers !== request.planning.answers) {
      request.planning.remember(wizard.answers).catch(() => undefined);
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
function useErrand(errand: Errand | null, request: WizardRequest, update: Update): void {
  useEffect(() => {
    if (errand === null) return undefined;
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, request.signal]);
    const show = (change: (state: WizardState) => WizardState): void => {
      // An answer that nobody waits for any more changes nothing.
      update((state) => (state.errand === errand ? change(state) : state));
    };
    run(errand, request, signal, show).catch((error: unknown) => {
      if (isAbort(error)) return;
      if (error instanceof Failure)
        show((state) => errandFailed(state, `${error.message} ${error.formHint}`));
      else request.fail(error);
    });
    return () => ended.abort();
  }, [errand, request, update]);
}

async function run(
  errand: Errand,
  { planning }: WizardRequest,
  signal: AbortSignal,
  show: Update,
): Promise<void> {
  if (errand.kind === "token") {
    const { token } = errand.answers;
    if (token.source === "none") return;
    const check = await planning.checkToken(token.token, signal);
    show((state) => tokenChecked(state, check));
    return;
  }
  const plan = await planning.preview(errand.answers, signal);
  show((state) => previewed(state, plan));
}
