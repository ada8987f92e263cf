/** One message between heros and the program that keeps files for it: a small object, and bytes beside it. */
export interface Frame {
  readonly head: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

/** Stands among the arguments of a call where the bytes of the frame belong. */
export const bytesMark = "\u0000bytes";

const lengthBytes = 8;

/** A frame as it goes over the line: the lengths of both parts, 4 bytes each, and then they. */
export function encodeFrame({ head, body }: Frame): readonly Buffer[] {
  const text = Buffer.from(JSON.stringify(head));
  const lengths = Buffer.alloc(lengthBytes);
  lengths.writeUInt32LE(text.length, 0);
  lengths.writeUInt32LE(body.length, 4);
  return body.length === 0 ? [lengths, text] : [lengths, text, body];
}

/** Puts frames together again from the pieces in which they come. */
export function frameReader(onFrame: (frame: Frame) => void): (piece: Buffer) => void {
  let pieces: Buffer[] = [];
  let held = 0;
  let wanted = lengthBytes;
  return (piece) => {
    pieces.push(piece);
    held += piece.length;
    while (held >= wanted) {
      const all = pieces.length === 1 ? (pieces[0] ?? piece) : Buffer.concat(pieces, held);
      const [headBytes, bodyBytes] = [all.readUInt32LE(0), all.readUInt32LE(4)];
      const end = lengthBytes + headBytes + bodyBytes;
      if (held < end) {
        pieces = [all];
        wanted = end;
        return;
      }
      const head: unknown = JSON.parse(all.toString("utf8", lengthBytes, lengthBytes + headBytes));
      const body = all.subarray(lengthBytes + headBytes, end);
      pieces = held === end ? [] : [all.subarray(end)];
      held -= end;
      wanted = lengthBytes;
      onFrame({ head: head as Frame["head"], body });
    }
  };
}

/** What of Node's description of a file goes over the line. */
export interface SentStats {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly blksize: number;
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
}

/** An entry of a folder: its name, the folder, and the bits of its mode that say what it is. */
export type SentEntry = readonly [name: string, parentPath: string, kind: number];
