import type { RunState } from "../../../progress/state.ts";
import { annieWords, awaitedCapabilities, capabilityName } from "../../words/annie.ts";
import { cleanText } from "../../legible.ts";
import { listed } from "../../words/sentence.ts";
import { span, type Line } from "../line.ts";
import { spinnerSign } from "./header.ts";
import type { LiveView } from "./view.ts";

/** Annie's rows: how she is and what is awaited, then what she can do and what still comes. */
export function annieLines(view: LiveView): Line[] {
  const { state } = view;
  const { annie } = state;
  if (!concernsAnnie(state)) return [];
  const online = annie.online !== null;
  const sign = online ? span(view.theme.signs.ok, "good") : annieSign(view);
  const first: Line = [
    sign,
    span(" Annie", "strong"),
    span(` ${cleanText(annieWords(state))}`, online ? "good" : "plain"),
  ];
  const can = Object.entries(annie.capabilities).flatMap(([name, there]) =>
    there ? [capabilityName(name)] : [],
  );
  const later = awaitedCapabilities(state);
  const indent = " ".repeat(view.theme.signs.ok.length + 1);
  return [
    first,
    ...(can.length > 0 ? [[span(`${indent}Works: ${listed(can)}`)]] : []),
    ...(later.length > 0 ? [[span(`${indent}Still to come: ${listed(later)}`, "quiet")]] : []),
  ];
}

function annieSign(view: LiveView): Line[number] {
  const broken = Object.keys(view.state.failedContainers).length > 0;
  if (broken) return span(view.theme.signs.failed, "bad");
  const begun = Object.keys(view.state.containers).length > 0 || view.state.annie.status !== null;
  return begun ? span(spinnerSign(view), "accent") : span(view.theme.signs.waiting, "quiet");
}

/** Before her stage begins there is nothing to say of her. */
function concernsAnnie({ stages, annie, containers }: RunState): boolean {
  const begun = stages.some(({ stage, state }) => stage === "annie" && state !== "waiting");
  return begun || annie.status !== null || Object.keys(containers).length > 0;
}
