import { type Capacity, splitByFit } from "../../catalog/capacity.ts";
import { type Catalog, completeGroups, groupOf, requiredGroups } from "../../catalog/catalog.ts";
import type { Answers } from "../../plan/questions.ts";
import type { Notice } from "../../run/events/run.ts";
import { failure } from "../../run/failures/table.ts";

/** Of groups that nobody chose in this run, those that the machine can run; the others are told of. */
export function withoutMisfits(
  catalog: Catalog,
  answers: Answers,
  capacity: Capacity,
): { readonly answers: Pick<Answers, "groups">; readonly notices: readonly Notice[] } {
  const required = requiredGroups(catalog);
  // What came along with a choice goes with it.
  const chosen = answers.groups.filter((id) => {
    const group = groupOf(catalog, id);
    return group !== undefined && (group.choice || group.default);
  });
  const { fitting, lacking } = splitByFit(catalog, chosen, capacity);
  const left = lacking.filter(({ group }) => !required.includes(group.id));
  const groups = completeGroups(catalog, [...required, ...fitting]);
  return {
    answers: { groups: left.length === 0 ? answers.groups : groups },
    notices: left.map(({ group, lack }): Notice => ({
      type: "notice",
      level: "warning",
      code: "groups.left_out",
      message: `${group.title} is left out: it needs ${lack}.`,
    })),
  };
}

/** @throws Failure `groups.too_much` (exit 4) for what was chosen and the machine can't run */
export function requireFitting(
  catalog: Catalog,
  { groups }: Pick<Answers, "groups">,
  capacity: Capacity,
): void {
  const { lacking } = splitByFit(catalog, groups, capacity);
  const [first] = lacking;
  if (first === undefined) return;
  const choices = catalog.groups.filter(({ choice }) => choice).map(({ id }) => id);
  const { fitting: ids } = splitByFit(catalog, choices, capacity);
  const fitting = ids.map((id) => ({ id, title: groupOf(catalog, id)?.title ?? id }));
  const { group, lack } = first;
  throw failure("groups.too_much", { title: group.title, group: group.id, lack, fitting });
}
