// The text form of values: FORMAT.md, 9.
import { attempt, refuse } from './bytes.ts'

const DEPTH_MAX = 128
const SPACE = /[ \t\n\r]*/y
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const TEXT = /"(?:(?!["\\])[ -\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|(.))/g
const ESCAPES: { readonly [letter: string]: string } = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t'
}
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const INTEGER = /^(?:0|-?[1-9][0-9]*)$/
const INDEX_MAX = 2 ** 32 - 2

/** The canonical text of the value that a text holds; null where it holds none. */
export function canonical(text: string): string | null {
  return attempt(() => {
    const parser = new Parser(text)
    const value = parser.value(1)
    parser.end()
    return value()
  })
}

/** What was read, as canonical text; refuses what holds no value. Nobody asks that of a value that is replaced. */
type Read = () => string

/** Reads values and writes them again, in canonical form. */
class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** `depth`: how deep an array or a record is that stands here. */
  value(depth: number): Read {
    this.#match(SPACE)
    const first = this.#text[this.#at]
    if (first === '[') return this.#array(depth)
    if (first === '{') return this.#record(depth)
    if (first === '"') {
      const text = this.#string()
      return () => quote(text)
    }
    for (const word of ['null', 'true', 'false']) if (this.#skip(word)) return () => word
    const digits = this.#match(NUMBER)
    return () => number(digits)
  }

  end(): void {
    this.#match(SPACE)
    if (this.#at < this.#text.length) refuse('something follows')
  }

  #array(depth: number): Read {
    const items = this.#list(']', () => this.value(depth + 1))
    return () => {
      if (depth > DEPTH_MAX) refuse('too deep')
      return `[${items.map((read) => read()).join()}]`
    }
  }

  #record(depth: number): Read {
    // the last value counts, at the place of the first
    const record = new Map(this.#list('}', () => this.#member(depth + 1)))
    return () => {
      if (depth > DEPTH_MAX) refuse('too deep')
      const [[key, read] = ['', () => '']] = record
      if (record.size === 1 && (key === '$bytes' || key === '$bigint')) return special(key, read())
      for (const name of record.keys()) if (/^\$(?!\$)/.test(name)) refuse('one $ is taken')
      const indexes = [...record.keys()].filter(isIndex).sort((a, b) => Number(a) - Number(b))
      const names = [...record.keys()].filter((name) => !isIndex(name))
      const texts = [...indexes, ...names].map((name) => `${quote(name)}:${record.get(name)?.()}`)
      return `{${texts.join()}}`
    }
  }

  #member(depth: number): [string, Read] {
    this.#match(SPACE)
    const key = this.#string()
    this.#match(SPACE)
    if (!this.#skip(':')) refuse('no colon')
    return [key, this.value(depth)]
  }

  #list<T>(close: string, item: () => T): T[] {
    this.#at++
    this.#match(SPACE)
    const items: T[] = []
    if (this.#skip(close)) return items
    for (;;) {
      items.push(item())
      this.#match(SPACE)
      if (this.#skip(close)) return items
      if (!this.#skip(',')) refuse('no comma')
    }
  }

  #string(): string {
    const text = this.#match(TEXT)
    return text.slice(1, -1).replace(ESCAPE, (_, code, letter) => {
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16))
      return ESCAPES[letter] ?? letter
    })
  }

  #skip(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false
    this.#at += token.length
    return true
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const [found] = pattern.exec(this.#text) ?? refuse('not JSON')
    this.#at += found.length
    return found
  }
}

function number(text: string): string {
  const value = Number(text)
  if (!Number.isFinite(value)) refuse('too large')
  return Object.is(value, -0) ? '-0' : String(value)
}

function special(key: string, quoted: string): string {
  const text = quoted.startsWith('"') ? quoted.slice(1, -1) : refuse('no text')
  if (key === '$bigint' && !INTEGER.test(text)) refuse('no integer')
  if (key === '$bytes') {
    const isCanonical = Buffer.from(text, 'base64').toString('base64') === text
    if (!BASE64.test(text) || !isCanonical) refuse('no base64')
  }
  return `{"${key}":${quoted}}`
}

function isIndex(name: string): boolean {
  return /^(?:0|[1-9][0-9]{0,9})$/.test(name) && Number(name) <= INDEX_MAX
}

/** Escapes as JSON.stringify does; refuses lone surrogates. */
function quote(text: string): string {
  if (!text.isWellFormed()) refuse('a lone surrogate')
  const escaped = text.replace(/["\\]|[^ -\u{10ffff}]/gu, (char) => {
    const letter = Object.entries(ESCAPES).find(([, it]) => it === char)?.[0]
    if (letter !== undefined) return `\\${letter}`
    if (char >= ' ') return `\\${char}`
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  return `"${escaped}"`
}
