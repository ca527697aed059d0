import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Characters of texts after which those are collected that nobody has any more. */
const COLLECTED_AFTER = 8 * 1024 * 1024

/**
 * The texts that come out of isolates. They are outside of the heap of the engine's own isolate, which is so small that V8
 * collects no more of it than what is young: the texts, which are old to V8 from the first, would stay.
 */
export class Texts {
  #gc = null
  #length = 0

  /** To be called behind a job, with the length of all that came out for it. */
  drop(length) {
    this.#length += length
    if (this.#length < COLLECTED_AFTER) return
    this.#length = 0
    this.#gc ??= exposeGc()
    this.#gc()
  }
}

/** V8's own function, in a context of ours: the flag that gives it out is gone before there is any other. */
function exposeGc() {
  setFlagsFromString('--expose-gc')
  try {
    return runInNewContext('gc')
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}
