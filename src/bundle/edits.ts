/** Changes to a text, none overlapping another, through which places of the result can be followed back. */
export class Edits {
  readonly #text: string
  readonly #edits: Edit[] = []

  constructor(text: string) {
    this.#text = text
  }

  replace(start: number, end: number, by: string): void {
    this.#edits.push({ start, end, by })
  }

  /** What is inserted at one place stands in the order in which it was inserted. */
  insert(at: number, text: string): void {
    this.replace(at, at, text)
  }

  /** The changed text. */
  apply(): string {
    let text = ''
    let from = 0
    for (const { start, end, by } of this.#sorted()) {
      text += this.#text.slice(from, start) + by
      from = end
    }
    return text + this.#text.slice(from)
  }

  /** The offset in the old text of an offset in the new one; of what was put in, where it was put. */
  origin(offset: number): number {
    let shift = 0
    for (const { start, end, by } of this.#sorted()) {
      if (offset < start + shift) break
      if (offset < start + shift + by.length) return start
      shift += by.length - (end - start)
    }
    return offset - shift
  }

  #sorted(): readonly Edit[] {
    return this.#edits.sort((a, b) => a.start - b.start)
  }
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly by: string
}
