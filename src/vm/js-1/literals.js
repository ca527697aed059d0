import { PRICES } from './prices.js'

/** As in regexp.js and pattern.js, which refuse the same at run time. */
const SOURCE_MAX = 64 * 1024
const DEPTH_MAX = 100

/** Fuel that V8's reading of all literals of one code is worth: half a second. */
const PRICE_MAX = 5_000_000

/** acorn compares names of groups, each with all that are the same, and all brackets around the one with the other's. */
const NAME_PAIR = 1 / 8

/**
 * A parser like acorn's that refuses RegExp literals which would be slow to read, or whose depth would decide over
 * the stack: V8 reads each of them when it compiles the code and again when it is evaluated. Throws as acorn
 * does for a syntax error.
 */
export function limitLiterals(Parser) {
  return Parser.extend(
    (Base) =>
      class extends Base {
        #price = 0

        validateRegExpPattern(state) {
          const { source, flags, start } = state
          if (source.length > SOURCE_MAX) {
            this.raise(start, `a RegExp has ${source.length} characters and may have ${SOURCE_MAX}`)
          }
          const depth = depthOf(source, flags)
          if (depth > DEPTH_MAX) {
            this.raise(start, `a RegExp nests ${depth} deep and may nest ${DEPTH_MAX} deep`)
          }
          this.#price += priceOf(source, flags, depth)
          if (this.#price > PRICE_MAX) {
            this.raise(
              start,
              'the RegExp literals of the code take too long to read: use fewer \\p{…}, smaller classes with the flag v, and fewer groups with names'
            )
          }
          super.validateRegExpPattern(state)
        }
      }
  )
}

/** What it costs to read a source once, in fuel. */
function priceOf(source, flags, depth) {
  return (
    readingOf(source, flags) + NAME_PAIR * timesIn(source, /\(\?<(?![=!])/g) ** 2 * (depth + 1) ** 2
  )
}

function readingOf(source, flags) {
  if (!/[uv]/.test(flags))
    return PRICES.regexp.CREATE + source.length * PRICES.regexp.CREATE_CHARACTER
  const strings = flags.includes('v') ? timesIn(source, /\\p\{(?:RGI|Basic)_/g) : 0
  const folded = timesIn(source, flags.includes('i') ? /\\[pPW]|\[/g : /\\[pP]/g)
  const pairs = flags.includes('v') ? source.length ** 2 : 0
  return (
    PRICES.regexp.CREATE +
    source.length * PRICES.regexp.CREATE_CHARACTER +
    folded * PRICES.regexp.PROPERTY +
    strings * PRICES.regexp.STRING_PROPERTY +
    pairs * PRICES.regexp.SET_PAIR
  )
}

function timesIn(source, part) {
  return source.match(part)?.length ?? 0
}

/** How deep groups and classes nest, as pattern.js counts. */
function depthOf(source, flags) {
  const nests = flags.includes('v')
  let depth = 0
  let classes = 0
  let deepest = 0
  for (let i = 0; i < source.length; i++) {
    const char = source[i]
    if (char === '\\') i++
    else if (char === '[' && (classes === 0 || nests)) classes++
    else if (char === ']' && classes > 0) classes--
    else if (char === '(' && classes === 0) depth++
    else if (char === ')' && classes === 0) depth--
    deepest = Math.max(deepest, depth + classes)
  }
  return deepest
}
