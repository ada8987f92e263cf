import type { CatalogChecked, CatalogEvent, CatalogSummary } from "../../run/events/catalog.ts";
import { counted, listed, say, type Sentence } from "./sentence.ts";

export function catalogSentence(event: CatalogEvent): Sentence {
  switch (event.type) {
    case "catalogs.listed": {
      const width = Math.max(...event.catalogs.map(({ name }) => name.length));
      return say(`${counted(event.catalogs.length, "catalog")}:`, {
        from: "quiet",
        more: event.catalogs.flatMap((catalog) => [
          `${catalog.name.padEnd(width)}  ${catalog.title}`,
          ...groupLines(catalog).map((line) => `${" ".repeat(width)}  ${line}`),
        ]),
      });
    }
    case "catalog.checked":
      return checkedSentence(event);
  }
}

function checkedSentence({ catalog, schema }: CatalogChecked): Sentence {
  const { name, title, services, models } = catalog;
  const counts = [
    ...(services.length === 0 ? [] : [counted(services.length, "service")]),
    counted(catalog.groups.length, "set"),
    counted(models, "model"),
  ];
  const old = schema === 1 ? " It has schema 1: models alone, for the default stack." : "";
  return say(`${name} is valid: ${title}, with ${listed(counts)}.${old}`, {
    from: "quiet",
    mark: "ok",
    tone: "good",
    more: groupLines(catalog),
  });
}

function groupLines({ groups }: CatalogSummary): string[] {
  const width = Math.max(0, ...groups.map(({ id }) => id.length));
  return groups.map(({ id, title, required, default: isDefault, models }) => {
    const how = required ? ", required" : isDefault ? ", recommended" : "";
    const what = models.length === 0 ? "no models" : models.join(", ");
    return `${id.padEnd(width)}  ${title}${how}: ${what}`;
  });
}
