import { stripVTControlCharacters } from "node:util";

const typography: Readonly<Record<string, string>> = {
  "—": "-",
  "–": "-",
  "×": "x",
  "·": "-",
  "…": "...",
  "’": "'",
  "‘": "'",
  "“": '"',
  "”": '"',
};

/** Nothing of it needs a second look: most of what is written. */
const harmless = /^[\x20-\x7e]*$/;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;
/** Signs that turn the direction of the text after them (Unicode, UAX #9). */
const directions = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text from outside (arguments, logs, file names, servers) without escape sequences, control characters and signs of
 * direction, so that nothing it holds moves a cursor, changes a colour, or shows letters in another order than they have.
 */
export function cleanText(text: string): string {
  if (harmless.test(text)) return text;
  return stripVTControlCharacters(text)
    .toWellFormed()
    .replaceAll(controls, " ")
    .replaceAll(directions, "");
}

/** What every writer puts on a terminal goes through this: clean, and with our own typography in ASCII where the locale is not UTF-8. */
export function printable(text: string, unicode: boolean): string {
  const clean = cleanText(text);
  return unicode ? clean : clean.replaceAll(/[—–×·…’‘“”]/g, (sign) => typography[sign] ?? sign);
}
