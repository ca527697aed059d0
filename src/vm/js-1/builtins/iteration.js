;(function iteration(kit) {
  // What takes iterables or iterators and is no collection: Iterator and its helpers, Promise and its combinators,
  // stacks of disposables. They get what stands for the iterable, and pays for every step.

  const {
    apply,
    charge,
    enter,
    isObject,
    leave,

    metered,
    meteredIterator,
    prices,
    replace
  } = kit
  const { getPrototypeOf } = Reflect
  const { iterator } = Symbol

  replaceHelpers()
  replaceIteratorStatics()
  replacePromises()
  replaceStacks()
  return {}

  function replaceHelpers() {
    for (const name of [
      ...['drop', 'every', 'filter', 'find', 'flatMap', 'forEach', 'map', 'reduce', 'some'],
      ...['take', 'toArray']
    ]) {
      const method = Iterator.prototype[name]
      const bytes = name === 'toArray' ? 8 : 0
      replace(Iterator.prototype, {
        [name](...args) {
          charge(1)
          const source = isObject(this) ? meteredIterator(this, prices.step, bytes) : this
          enter()
          try {
            return apply(method, source, args)
          } finally {
            leave()
          }
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
            charge(1)
            enter()
            try {
              return apply(method, this, [])
            } finally {
              leave()
            }
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

  function replacePromises() {
    for (const name of ['all', 'allSettled', 'any', 'race']) {
      const method = Promise[name]
      replace(Promise, {
        [name](items) {
          charge(1)
          enter()
          try {
            return apply(method, this, [
              isIterable(items) ? metered(items, prices.promise, 1024, prices.promiseBefore) : items
            ])
          } finally {
            leave()
          }
        }
      })
    }
    const attempt = Promise.try
    replace(Promise, {
      try(callback, ...args) {
        charge(1)
        enter()
        try {
          return apply(attempt, this, [callback, ...args])
        } finally {
          leave()
        }
      }
    })
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
          charge(1)
          enter()
          try {
            return apply(method, this, [])
          } finally {
            leave()
          }
        }
      })
      Object.defineProperty(prototype, symbol, { value: prototype[name] })
    }
  }
})
