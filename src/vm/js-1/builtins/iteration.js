;(function iteration(kit) {
  // What takes iterables or iterators and is no collection: Iterator and its helpers, Promise and its combinators,
  // stacks of disposables. They get what stands for the iterable, and pays for every step.

  const { apply, charge, enter, isObject, leave, metered, meteredIterator, prices } = kit
  const { replace, uncurry } = kit
  const { getPrototypeOf } = Reflect
  const { iterator } = Symbol
  /** Promises that builtins have made in this call: isolated-vm may go through as many whenever one gets a handler. */
  let promises = 0
  /** How much async generators have been asked that they have not answered. */
  let asked = { length: 0 }
  const waitFor = uncurry(Promise.prototype.then)

  replaceHelpers()
  replaceIteratorStatics()
  replacePromises()
  replaceCombinators()
  replaceAsyncGenerators()
  replaceStacks()
  return {
    startPromises() {
      promises = 0
      asked = { length: 0 }
    }
  }

  /** Calls a builtin that may call the contract. */
  function call(method, receiver, args, price = prices.call) {
    charge(price)
    enter()
    try {
      return apply(method, receiver, args)
    } finally {
      leave()
    }
  }

  function replaceHelpers() {
    for (const name of [
      ...['drop', 'every', 'filter', 'find', 'flatMap', 'forEach', 'map', 'reduce', 'some'],
      ...['take', 'toArray']
    ]) {
      const method = Iterator.prototype[name]
      const bytes = name === 'toArray' ? 8 : 0
      replace(Iterator.prototype, {
        [name](...args) {
          const source = isObject(this) ? meteredIterator(this, prices.step, bytes) : this
          return call(method, source, args, prices.object)
        }
      })
    }
    // helpers of helpers of helpers
    for (const prototype of [
      getPrototypeOf([].values().map(() => 0)),
      getPrototypeOf(Iterator.from({ next() {} }))
    ]) {
      for (const name of ['next', 'return']) {
        const method = prototype[name]
        replace(prototype, {
          [name]() {
            return call(method, this, [])
          }
        })
      }
    }
  }

  function replaceIteratorStatics() {
    const { concat } = Iterator
    replace(Iterator, {
      concat(...items) {
        const sources = []
        for (let i = 0; i < items.length; i++) {
          charge(1)
          const item = items[i]
          if (!isObject(item)) return apply(concat, Iterator, [item])
          const method = item[iterator]
          if (typeof method !== 'function') {
            return apply(concat, Iterator, [{ [iterator]: method }])
          }
          sources[i] = metered({ [iterator]: () => apply(method, item, []) }, prices.step)
        }
        return apply(concat, Iterator, sources)
      }
    })
  }

  /**
   * What makes promises. Of every promise that is rejected before it has a handler isolated-vm makes a note, and it
   * goes through all notes when one gets its handler: so whatever may add one pays for all promises that there may
   * be a note of. Of those that async functions reject it is the meter that takes the price.
   */
  function replacePromises() {
    const { then, finally: settle } = Promise.prototype
    const { reject, withResolvers } = Promise
    replace(Promise.prototype, {
      then(onFulfilled, onRejected) {
        charge(prices.then + promises * prices.thenBefore)
        promises++
        return apply(then, this, [onFulfilled, onRejected])
      },
      finally(callback) {
        return call(settle, this, [callback], prices.then)
      }
    })
    replace(Promise, {
      reject(reason) {
        promises++
        return call(reject, this, [reason], prices.reject)
      },
      withResolvers() {
        return call(withResolvers, this, [], prices.reject)
      }
    })
  }

  function replaceCombinators() {
    for (const name of ['all', 'allSettled', 'any', 'race']) {
      const method = Promise[name]
      replace(Promise, {
        [name](items) {
          promises++
          const source = isIterable(items)
            ? metered(items, prices.promise, 1024, prices.promiseBefore)
            : items
          return call(method, this, [source], prices.then)
        }
      })
    }
    const attempt = Promise.try
    replace(Promise, {
      try(callback, ...args) {
        promises++
        return call(attempt, this, [callback, ...args], prices.reject)
      }
    })
  }

  /** What is asked of one that runs already, or has ended, waits in a queue, which V8 goes through to its end. */
  function replaceAsyncGenerators() {
    const prototype = getPrototypeOf(getPrototypeOf((async function* () {})()))
    for (const name of ['next', 'return', 'throw']) {
      const method = prototype[name]
      replace(prototype, {
        [name](value) {
          const queue = asked
          charge(prices.then + queue.length * prices.askedBefore)
          // no depth: what it runs is the contract's, which counts by itself
          const answer = apply(method, this, [value])
          queue.length++
          const answered = () => {
            queue.length--
          }
          waitFor(answer, answered, answered)
          return answer
        }
      })
    }
  }

  /** What throws when it is iterated is better thrown by V8, as a rejection. */
  function isIterable(items) {
    return isObject(items) || typeof items === 'string'
  }

  /** Stacks in stacks. */
  function replaceStacks() {
    for (const [prototype, name, symbol] of [
      [DisposableStack.prototype, 'dispose', Symbol.dispose],
      [AsyncDisposableStack.prototype, 'disposeAsync', Symbol.asyncDispose]
    ]) {
      const method = prototype[name]
      replace(prototype, {
        [name]() {
          return call(method, this, [])
        }
      })
      Object.defineProperty(prototype, symbol, { value: prototype[name] })
    }
  }
})
