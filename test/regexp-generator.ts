import type { Random } from './random.ts'

/** Random RegExps, with every construct of the language, and texts that are likely to match in part. */
export class RegExpGenerator {
  readonly #random: Random
  #groups = 0
  #names: string[] = []
  #unicode = false
  #sets = false

  constructor(random: Random) {
    this.#random = random
  }

  /** A source and flags; V8 may refuse them. */
  pattern(): { source: string; flags: string } {
    this.#groups = 0
    this.#names = []
    const mode = this.#random.pick(['', '', 'u', 'v'])
    this.#unicode = mode !== ''
    this.#sets = mode === 'v'
    let flags = mode
    for (const flag of ['i', 'i', 'm', 's', 'd']) {
      if (this.#random.chance(0.15) && !flags.includes(flag)) flags += flag
    }
    if (this.#random.chance(0.2)) flags += 'g'
    if (this.#random.chance(0.15)) flags += 'y'
    return { source: this.#choice(4), flags }
  }

  text(): string {
    let text = ''
    for (let i = this.#random.below(14); i > 0; i--) {
      text += this.#random.chance(0.75) ? this.#random.pick(['a', 'b', 'c']) : this.#character()
    }
    return text
  }

  #character(): string {
    return this.#random.pick([
      'a',
      'b',
      'c',
      'A',
      'B',
      'k',
      'K',
      '\u212a',
      's',
      '\u017f',
      '1',
      '_',
      '-',
      ' ',
      '\n',
      '\u2028',
      'é',
      'É',
      'ß',
      '\u1e9e',
      'İ',
      'ı',
      'σ',
      'ς',
      'Σ',
      '😀',
      '\ud83d',
      '\ude00',
      '👨‍👩‍👧',
      '🇩🇪',
      '𐐀',
      '𐐨',
      '\u0130',
      'ǅ',
      '\ufffd'
    ])
  }

  #choice(depth: number): string {
    const count = this.#random.chance(0.25) ? 2 + this.#random.below(2) : 1
    return Array.from({ length: count }, () => this.#sequence(depth)).join('|')
  }

  #sequence(depth: number): string {
    return Array.from({ length: this.#random.below(4) }, () => this.#term(depth)).join('')
  }

  #term(depth: number): string {
    const kind = this.#random.below(20)
    if (kind < 6 || depth === 0) return this.#atom() + this.#quantifier()
    if (kind < 8) return this.#class() + this.#quantifier()
    if (kind < 11) return this.#group(depth) + this.#quantifier()
    if (kind < 13) return `(?:${this.#choice(depth - 1)})${this.#quantifier()}`
    if (kind === 13) return `(?=${this.#choice(depth - 1)})`
    if (kind === 14) return `(?!${this.#choice(depth - 1)})`
    if (kind === 15) return `(?<=${this.#choice(depth - 1)})`
    if (kind === 16) return `(?<!${this.#choice(depth - 1)})`
    if (kind === 17) return this.#random.pick(['^', '$', '\\b', '\\B'])
    if (kind === 18) return this.#reference() + this.#quantifier()
    // not i: V8 folds what stands beside (?i:…), too
    const modifiers = this.#random.pick(['m', 's', '-m', 'm-s'])
    return `(?${modifiers}:${this.#choice(depth - 1)})${this.#quantifier()}`
  }

  #group(depth: number): string {
    this.#groups++
    if (this.#random.chance(0.75)) return `(${this.#choice(depth - 1)})`
    // the same name twice is for different alternatives only: V8 refuses the others
    const name = this.#random.pick(['x', 'y', 'zz', 'π', '$'])
    this.#names.push(name)
    return `(?<${name}>${this.#choice(depth - 1)})`
  }

  #reference(): string {
    const [name] = this.#names
    if (name !== undefined && this.#random.chance(0.5)) return `\\k<${name}>`
    return `\\${1 + this.#random.below(Math.max(this.#groups + 1, 2))}`
  }

  #quantifier(): string {
    if (this.#random.chance(0.55)) return ''
    const lazy = this.#random.chance(0.3) ? '?' : ''
    return this.#random.pick(['*', '+', '?', '{2}', '{0,2}', '{1,}', '{2,3}', '{0}']) + lazy
  }

  #atom(): string {
    if (this.#random.chance(0.6)) return this.#random.pick(['a', 'b', 'c', '.', 'ab'])
    const escapes = [
      '\\d',
      '\\D',
      '\\w',
      '\\W',
      '\\s',
      '\\S',
      '\\x61',
      '\\u0062',
      '\\n',
      '\\cJ',
      '\\0',
      '\\.',
      '\\/'
    ]
    if (this.#unicode)
      escapes.push(
        '\\u{1F600}',
        '\\ud83d\\ude00',
        '\\ud83d',
        '\\p{L}',
        '\\P{Lu}',
        '\\p{Script=Greek}'
      )
    else
      escapes.push(
        '\\141',
        '\\c',
        '\\8',
        '\\07',
        '\\x',
        '\\u1',
        '\\p',
        ']',
        '}',
        '{',
        '{1',
        '\\-',
        '\\377',
        '\\400'
      )
    if (this.#sets) escapes.push('\\p{RGI_Emoji_Flag_Sequence}', '\\p{Emoji_Keycap_Sequence}')
    if (this.#random.chance(0.6)) return this.#random.pick(escapes as [string, ...string[]])
    return this.#character().replace(/[$^*+?.()[\]{}|/\\-]/g, '')
  }

  #class(): string {
    const negated = this.#random.chance(0.3) ? '^' : ''
    if (this.#sets && this.#random.chance(0.5)) return this.#setClass(negated)
    const items = [
      'a',
      'b',
      'a-c',
      'A-Z',
      '0-9',
      '\\d',
      '\\w',
      '\\s',
      '\\W',
      '\\b',
      '\\x41-\\x43',
      '\\u212a',
      '_',
      'é'
    ]
    if (this.#unicode)
      items.push('\\p{Ll}', '\\u{1F600}', '😀', '\\ud83d', '\\P{L}', '\\u{10400}-\\u{10410}')
    else items.push('\\c', '\\w-a', '\\1', '\\8', '-', '\\ca', '\\c1', '[', '😀')
    let text = ''
    for (let i = this.#random.below(4); i > 0; i--)
      text += this.#random.pick(items as [string, ...string[]])
    return `[${negated}${text}]`
  }

  #setClass(negated: string): string {
    const operands = [
      '[a-c]',
      '\\w',
      '\\p{L}',
      '[^b]',
      'a',
      '[k-s]',
      '\\p{Lu}',
      '\\q{ab|a|abc|😀}',
      '\\q{}',
      '[b\\q{bc}]'
    ]
    const plain = ['[a-c]', '\\w', '\\p{L}', '[^b]', 'a', '[k-s]', '\\p{Lu}'] as const
    const pick = () =>
      negated === ''
        ? this.#random.pick(operands as [string, ...string[]])
        : this.#random.pick(plain)
    const operator = this.#random.pick(['', '--', '&&'])
    return `[${negated}${pick()}${operator}${pick()}]`
  }
}
