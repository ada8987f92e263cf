/** An element of an answer: its text, and what is in it. Attributes are passed over. */
export interface XmlElement {
  readonly name: string;
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const most = { elements: 50_000, depth: 8 };
const token =
  /<\?[^<>]*\?>|<(?<slash>\/?)(?<name>[\w:.-]+)(?:\s[^<>]*?)?(?<alone>\/?)>|(?<text>[^<]+)/uy;
const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

/**
 * Reads the small XML that S3 speaks: elements and text, nothing that a document could declare or fetch.
 * @returns the outermost element; null for everything else
 */
export function readXml(document: string): XmlElement | null {
  const text = document.replace(/^\uFEFF/u, "");
  const root = { name: "", text: "", children: [] as XmlElement[] };
  const open: { name: string; text: string; children: XmlElement[] }[] = [root];
  let elements = 0;
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const found = token.exec(text)?.groups;
    const inner = open.at(-1);
    if (found === undefined || inner === undefined) return null;
    const { name, slash, alone } = found;
    if (found["text"] !== undefined) {
      const plain = unescaped(found["text"]);
      if (plain === null) return null;
      inner.text += plain;
    } else if (name === undefined) {
      continue;
    } else if (slash === "/") {
      if (inner.name !== name || open.length === 1) return null;
      open.pop();
    } else {
      elements += 1;
      if (elements > most.elements || open.length > most.depth) return null;
      const element = { name, text: "", children: [] };
      inner.children.push(element);
      if (alone !== "/") open.push(element);
    }
  }
  const [outermost, ...more] = root.children;
  const isSound = open.length === 1 && more.length === 0 && root.text.trim() === "";
  return isSound ? (outermost ?? null) : null;
}

const entity = /&(?:#(?:x(?<hex>[\da-f]{1,6})|(?<decimal>\d{1,7}))|(?<name>[a-z]{2,4}));/iuy;

/** Null where something is escaped that is no character: the rest is not looked at then. */
function unescaped(text: string): string | null {
  let plain = "";
  for (let at = 0; ;) {
    const next = text.indexOf("&", at);
    if (next === -1) return plain + text.slice(at);
    entity.lastIndex = next;
    const found = entity.exec(text)?.groups;
    const character = found === undefined ? undefined : characterOf(found);
    if (character === undefined) return null;
    plain += text.slice(at, next) + character;
    at = entity.lastIndex;
  }
}

function characterOf({ hex, decimal, name = "" }: Readonly<Record<string, string>>) {
  const point = hex === undefined ? Number(decimal ?? NaN) : Number.parseInt(hex, 16);
  if (Number.isNaN(point)) return entities[name];
  const isHalf = point >= 0xd800 && point <= 0xdfff;
  return point > 0 && point <= 0x10ffff && !isHalf ? String.fromCodePoint(point) : undefined;
}

/** The text of the first child of this name; null where there is none. */
export function textOfChild({ children }: XmlElement, name: string): string | null {
  return children.find((child) => child.name === name)?.text ?? null;
}

export function escapedXml(text: string): string {
  return text.replaceAll(/[&<>"']/gu, (each) => `&#${each.charCodeAt(0)};`);
}
