/**
 * What things cost, in fuel: one unit is about one simple operation, 0.1 µs with --jitless. Part of the VM id: a
 * price never changes.
 */

/** RegExp, see regexp.js; measured by bench/regexp.js and with the slowest patterns that were found. */
export const REGEXP_PRICES = {
  /** One match, whatever comes of it. */
  EXEC: 10,
  /** A capture of the pattern, in each match; with flag d. */
  CAPTURE: 2,
  INDEXED_CAPTURE: 6,
  /** A step of V8's: a character compared, a place gone back to. */
  NATIVE_STEP: 1 / 4,
  /** A step of the metered matcher. */
  STEP: 5,
  /** Steps, on top, for a character beyond ASCII that is looked for in a class. */
  RARE_STEPS: 2,
  /** Steps for each length that a class of strings may match. */
  STRING_STEPS: 4,
  /** Making a RegExp object, and each character of its source. */
  CREATE: 50,
  CREATE_CHARACTER: 1,
  /** The first match with a source and its flags in a call, and each character of the source. */
  COMPILE: 1000,
  COMPILE_CHARACTER: 60,
  /** A property of Unicode, or a class that is folded with it: whenever V8 parses it, and for its compilation. */
  PROPERTY: 3000,
  COMPILE_PROPERTY: 60000,
  /** A class with the flags u and v. */
  COMPILE_CLASS: 1000,
  /** A property of strings, such as RGI_Emoji. */
  STRING_PROPERTY: 300000,
  /** For each two characters of a source with flag v: V8 compares each member of a class with each. */
  SET_PAIR: 1 / 32,
  /** A character of a replacement with $, each time that it is used. */
  TEMPLATE_CHARACTER: 2,
  /** A character of a result. */
  CHARACTER: 1 / 8
}
