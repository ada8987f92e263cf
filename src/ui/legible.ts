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

/** Our own typography in ASCII where the locale is not UTF-8. Names from outside, as of folders, stay as they are. */
export function legible(text: string, unicode: boolean): string {
  return unicode ? text : text.replaceAll(/[—–×·…’‘“”]/g, (sign) => typography[sign] ?? sign);
}
