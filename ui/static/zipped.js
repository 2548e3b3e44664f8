// @ts-check
/* Files as one zip, nothing in it packed: PNGs are already (APPNOTE.TXT of PKWARE, 4.3). */

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
/** CRC-32 of ISO 3309. @param {Uint8Array} bytes @returns {number} */
export const crc32 = (bytes) => {
  let sum = -1;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
};
const NEW_YEAR_1980 = 33; // the first day that the format knows
/** Numbers of two or four bytes, the low one first. @param {[number, number][]} fields each a number and its bytes */
const packed = (fields) => Uint8Array.from(fields.flatMap(([value, bytes]) => Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255)));

/** @param {[string, Uint8Array][]} files by name, plain letters @returns {Uint8Array<ArrayBuffer>[]} */
export const zipped = (files) => {
  const parts = [], listed = [];
  let at = 0, size = 0;
  for (const [name, bytes] of files) {
    const letters = new TextEncoder().encode(name);
    /** @type {[number, number][]} version, flags, way, time, day, sum, sizes, lengths of name and extra */
    const about = [[20, 2], [0, 2], [0, 2], [0, 2], [NEW_YEAR_1980, 2], [crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4], [letters.length, 2], [0, 2]];
    const head = packed([[0x04034b50, 4], ...about]);
    const entry = packed([[0x02014b50, 4], [20, 2], ...about, [0, 2], [0, 2], [0, 2], [0, 4], [at, 4]]);
    parts.push(head, letters, Uint8Array.from(bytes));
    listed.push(entry, letters);
    at += head.length + letters.length + bytes.length;
    size += entry.length + letters.length;
  }
  return [...parts, ...listed, packed([[0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [at, 4], [0, 2]])];
};
