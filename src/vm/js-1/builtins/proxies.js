;(function proxies(kit) {
  // Proxies, and chains of prototypes: what V8 follows by itself, in loops that look at every link or as deep as
  // its stack is. So the length of every chain is limited, and every proxy has a handler of ours, whose traps
  // count depth and steps before they hand on to the contract's. V8 checks what that one answers, as ever.

  const { apply, charge, enter, isObject, leave, limits, listOf, prices, refuse, spend } = kit
  const { replace, sizeOf, state, uncurry } = kit
  const { construct, defineProperty, getPrototypeOf } = Reflect
  const { isArray } = Array
  const { isView } = ArrayBuffer
  const RawProxy = Proxy
  const { revocable } = Proxy
  const RawWeakMap = WeakMap
  const lookUp = uncurry(WeakMap.prototype.get)
  const note = uncurry(WeakMap.prototype.set)
  const has = uncurry(WeakMap.prototype.has)
  const roots = [Object.prototype, Array.prototype, Function.prototype]
  /** From proxies to their targets. */
  let targets = new RawWeakMap()
  /** What V8 does to a target by itself, and may make a table of an array. */
  const CLOSING = ['defineProperty', 'preventExtensions']
  /** Traps whose answer V8 compares with what the target has. */
  const COMPARED = ['defineProperty', 'get', 'getOwnPropertyDescriptor', 'set']
  /** How many links lead to an object, as far as it was put behind another one by a builtin. */
  let links = new RawWeakMap()

  const traps = makeTraps()
  function Guard(target, handler) {
    this.target = target
    this.handler = handler
  }
  Guard.prototype = traps

  replaceProxy()
  return { isProxy, targetOf, chain, link, startProxies }

  function isProxy(value) {
    return state.proxies && has(targets, value)
  }

  /** What a proxy stands for in the end; anything else itself. */
  function targetOf(value) {
    let at = value
    for (let next = at; next !== undefined; next = isProxy(at) ? lookUp(targets, at) : undefined) {
      at = next
    }
    return at
  }

  function startProxies() {
    links = new RawWeakMap()
    if (!state.proxies) return
    state.proxies = false
    targets = new RawWeakMap()
  }

  /** Charges for the chain that begins with this object, and refuses one that is too long. */
  function chain(object, before = 0) {
    let count = before
    let at = object
    while (isObject(at)) {
      if (++count > limits.prototypes) {
        throw refuse(
          'NESTING_LIMIT',
          `an object may have ${limits.prototypes} prototypes, proxies included: inherit less`
        )
      }
      at = (state.proxies && lookUp(targets, at)) || getPrototypeOf(at)
    }
    spend(count, prices.prototype)
  }

  /** The object `behind` is put behind another one, as its prototype or its target. */
  function link(object, behind) {
    if (!isObject(behind)) return
    let length = lookUp(links, object) ?? 0
    chain(behind, length)
    for (
      let at = behind;
      isObject(at);
      at = (state.proxies && lookUp(targets, at)) || getPrototypeOf(at)
    ) {
      if (at === roots[0] || at === roots[1] || at === roots[2]) return
      length++
      if ((lookUp(links, at) ?? 0) < length) note(links, at, length)
    }
  }

  function replaceProxy() {
    // bound: a constructor without a prototype, as Proxy is
    const Guarded = function (target, handler) {
      if (new.target === undefined) throw new TypeError("Constructor Proxy requires 'new'")
      if (!isObject(target) || !isObject(handler)) return new RawProxy(target, handler)
      const proxy = new RawProxy(target, new Guard(target, handler))
      know(proxy, target)
      return proxy
    }.bind(undefined)
    for (const key of ['name', 'length']) {
      Object.defineProperty(Guarded, key, Object.getOwnPropertyDescriptor(RawProxy, key))
    }
    Object.defineProperty(
      Guarded,
      'revocable',
      Object.getOwnPropertyDescriptor(RawProxy, 'revocable')
    )
    replace(Guarded, {
      revocable(target, handler) {
        if (!isObject(target) || !isObject(handler)) return revocable(target, handler)
        const pair = revocable(target, new Guard(target, handler))
        know(pair.proxy, target)
        return pair
      }
    })
    globalThis.Proxy = Guarded
  }

  function know(proxy, target) {
    charge(prices.proxy)
    link(proxy, target)
    state.proxies = true
    note(targets, proxy, target)
  }

  /**
   * Accessors: V8 asks for a trap, and where the contract has none it has to find none here either, since it
   * goes on differently then.
   */
  function makeTraps() {
    const made = { __proto__: null }
    for (const name of [
      ...['getPrototypeOf', 'setPrototypeOf', 'isExtensible', 'preventExtensions', 'has', 'get'],
      ...['getOwnPropertyDescriptor', 'defineProperty', 'set', 'deleteProperty', 'ownKeys'],
      ...['apply', 'construct']
    ]) {
      const list = name === 'ownKeys'
      const compared = COMPARED.includes(name)
      Object.defineProperty(made, name, {
        get() {
          charge(prices.trap)
          const { handler } = this
          // V8 goes through the keys of the target, too, or only through them
          if (list) spend(sizeOf(this.target), prices.keyValue)
          enter()
          try {
            const method = handler[name]
            if (typeof method === 'function') {
              return (...args) => run(method, handler, args, name, compared)
            }
            if (CLOSING.includes(name)) kit.noteArray(this.target)
            const isNone = method === undefined || method === null
            if (isNone && name === 'construct' && kit.isBound(this.target)) return constructed
            // what V8 would do by itself, but for the numbers that it makes of elements
            const isElement = isNone && name === 'defineProperty'
            // a proxy of a proxy leaves it to that one, since V8 asks the target more where there is a trap
            return isElement && (isView(this.target) || kit.isPlain(this.target))
              ? defineElement
              : method
          } finally {
            leave()
          }
        }
      })
    }
    return made
  }

  /** In the place of no trap, for a bound function. */
  function constructed(target, args, newTarget) {
    enter()
    try {
      kit.refuseUnseen(target, newTarget)
      return construct(target, args, newTarget)
    } finally {
      leave()
    }
  }

  /** In the place of no trap, for an array, or one of numbers. */
  function defineElement(target, key, descriptor) {
    if ('value' in descriptor) descriptor.value = kit.stored(target, descriptor.value, key)
    return defineProperty(target, key, descriptor)
  }

  function run(method, handler, args, name, compared) {
    enter()
    try {
      const result = apply(method, handler, args)
      if (compared) kit.chargeClosed(args[0], args[1])
      // of an array, V8 makes a number of it
      if (name === 'get' && args[1] === 'length' && isArray(args[0])) return kit.toNumber(result)
      if (name === 'get' && args[1] === 'prototype') return kit.heir(result)
      if (name !== 'ownKeys' || !isObject(result)) return result
      // each is looked up in a list that V8 makes of them
      const keys = listOf(result)
      spend(keys.length, prices.keyTrapped)
      return keys
    } finally {
      leave()
    }
  }
})
