import { useCallback, useEffect, useRef, useState } from "react";
import type { Widgets } from "../frame.tsx";
import type { Size } from "../line.ts";
import type { Theme } from "../theme.ts";
import type * as widgetCode from "../widgets.tsx";
import type { Press } from "./keys.ts";
import { edited, pressed } from "./press.ts";
import { editorColumns } from "./question-page.ts";
import { currentQuestion, type WizardState } from "./wizard-state.ts";

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
  const needed = listener !== null || wizard.errand !== null;
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
  if (wizard.leaving || wizard.resuming) return "confirm";
  const editing = wizard.typed !== null && currentQuestion(wizard)?.kind === "path";
  return editing && wizard.help === null ? "editor" : null;
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
