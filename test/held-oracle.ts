import { Oracles } from '../src/host/oracles.ts'
import type { Value } from '../src/protocol/values.ts'

/** An oracle `wait` that answers when it is told to: until then a call is under way. */
export interface HeldOracle {
  readonly oracles: Oracles
  /** Resolves when it is asked for the first time. */
  readonly asked: Promise<void>
  answer(value?: Value): void
}

export function heldOracle(): HeldOracle {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<Value | undefined>()
  const wait = () => {
    asked.resolve()
    return answer.promise
  }
  return { oracles: new Oracles({ wait }), asked: asked.promise, answer: answer.resolve }
}
