import { useInput } from "ink";
import { useState, type ReactNode } from "react";
import { Frame } from "../frame.tsx";
import type { Line, Size } from "../line.ts";
import { MeetingPage } from "../background-page.tsx";
import type { Snapshot } from "../store.ts";
import type { Theme } from "../theme.ts";
import { readKeys } from "./keys.ts";
import { machinePage, movedOnMachine, pressedOnMachine } from "./machine-page.ts";
import type { DialogRequest, MendRequest } from "./request.ts";
import { Wizard } from "./wizard.tsx";

interface FrontProps<Request> {
  readonly request: Request;
  readonly snapshot: Snapshot;
  readonly size: Size;
  readonly theme: Theme;
  /** The page with what stands above it. */
  compose(lines: readonly Line[]): readonly Line[];
}

/** The page on which a person is asked something: the machine's troubles, or the questions. */
export function Dialogs({ request, ...rest }: FrontProps<DialogRequest>): ReactNode {
  switch (request.kind) {
    case "mend":
      return <MachineTrouble request={request} {...rest} />;
    case "meet":
      return <MeetingPage {...request} {...rest} />;
    case "questions":
      return <Wizard request={request} {...rest} />;
  }
}

function MachineTrouble({
  request: { trouble, finish },
  snapshot: { state },
  size,
  theme,
  compose,
}: FrontProps<MendRequest>): ReactNode {
  const [from, setFrom] = useState(0);
  useInput((input, key) => {
    for (const press of readKeys(input, key)) {
      setFrom((before) => movedOnMachine(trouble, before, press));
      const mending = pressedOnMachine(trouble, press);
      if (mending !== null) return finish(mending);
    }
  });
  const lines = compose(machinePage({ trouble, from, state, size, theme }));
  return <Frame lines={lines} size={size} theme={theme} />;
}
