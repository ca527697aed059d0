;(function iteration(kit) {
  // What takes iterables or iterators and is no collection: Iterator and its helpers, Promise and its combinators,
  // stacks of disposables. They get what stands for the iterable, and pays for every step.

  const { apply, ascend, charge, descend, enter, isObject, leave, metered, meteredIterator } = kit
  const { note, prices, replace, toNumber, uncurry } = kit
  const { getPrototypeOf } = Reflect
  const { iterator } = Symbol
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
    waitFor,
    startPromises() {
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
      const takesNumber = name === 'drop' || name === 'take'
      replace(Iterator.prototype, {
        [name](...args) {
          const source = isObject(this) ? meteredIterator(this, prices.step, bytes) : this
          if (takesNumber && isObject(this)) args[0] = countOf(args[0])
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

  /** How many: V8 would make a number of it. Where there is none V8 has to hear so itself, since it closes the iterator then. */
  function countOf(value) {
    try {
      return toNumber(value)
    } catch (error) {
      return {
        valueOf() {
          throw error
        }
      }
    }
  }

  function replaceIteratorStatics() {
    const { concat } = Iterator
    replace(Iterator, {
      concat(...items) {
        const sources = []
        for (let i = 0; i < items.length; i++) {
          charge(prices.object)
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

  /** A builtin as a handler: nothing of the contract's is left by an error of it. */
  function handling(handler) {
    if (typeof handler !== 'function' || !kit.isNative(handler)) return handler
    return (value) => {
      try {
        return handler(value)
      } catch (error) {
        throw kit.failed(error)
      }
    }
  }

  /** What makes promises, or gives them handlers, and pays for the notes that isolated-vm may have of others. */
  function replacePromises() {
    const { then, finally: settle } = Promise.prototype
    const { reject, resolve, withResolvers } = Promise
    replace(Promise.prototype, {
      then(onFulfilled, onRejected) {
        note(prices.then)
        // it asks `this` for its constructor
        enter()
        try {
          return apply(then, this, [handling(onFulfilled), handling(onRejected)])
        } finally {
          leave()
        }
      },
      finally(callback) {
        note(0)
        return call(settle, this, [callback], prices.then)
      }
    })
    replace(Promise, {
      reject(reason) {
        note(0)
        return call(reject, this, [reason], prices.reject)
      },
      resolve(value) {
        if (!isObject(value)) {
          charge(prices.call)
          return apply(resolve, this, [value])
        }
        note(0)
        return call(resolve, this, [value])
      },
      withResolvers() {
        note(0)
        return call(withResolvers, this, [], prices.reject)
      }
    })
  }

  function replaceCombinators() {
    for (const name of ['all', 'allSettled', 'any', 'race']) {
      const method = Promise[name]
      replace(Promise, {
        [name](items) {
          note(0)
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
        note(0)
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
          charge(queue.length * prices.askedBefore)
          note(prices.then)
          const answer = resume(method, this, value)
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

  /** Its body may only have handlers to run, which enter no function: so this takes a level as one does. */
  function resume(method, generator, value) {
    const before = descend()
    try {
      return apply(method, generator, [value])
    } finally {
      ascend(before)
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
          if (name === 'disposeAsync') note(0)
          return call(method, this, [])
        }
      })
      Object.defineProperty(prototype, symbol, { value: prototype[name] })
    }
    // what is disposed of is awaited, by V8 itself
    for (const name of ['adopt', 'defer', 'use']) {
      const method = AsyncDisposableStack.prototype[name]
      replace(AsyncDisposableStack.prototype, {
        [name](...args) {
          return call(method, this, args, prices.dispose)
        }
      })
    }
  }
})
