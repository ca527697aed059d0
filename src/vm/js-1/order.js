/**
 * Order of two paths or names by their UTF-8 bytes: negative, 0 or positive. JavaScript compares UTF-16 code
 * units, which sorts astral characters (surrogates, D800 to DFFF) before U+E000 to U+FFFF; the archive sorts
 * them behind. Below U+D800 both orders are the same, and comparing natively is a lot faster.
 */
export function compareBytes(a, b) {
  if (a === b) return 0
  if (HIGH.test(a) || HIGH.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : 1
}

const HIGH = /[\ud800-\uffff]/
