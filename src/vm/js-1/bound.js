;(function bound(classes) {
  // How much work a pattern can make for V8's backtracking engine at the very worst, as a polynomial of the
  // characters it has before it, or null where it is not known to be less than exponential. Only what is proven here
  // may run natively; all else is matched by steps that are counted.
  //
  // For each node: `steps`, to try every way in which it can match at one position; `ways`, how many these are; and
  // `good`, how many of them lead to a character with which what follows can begin. A polynomial holds the
  // factors of 1, n, n² and n³, n being one more than the characters that are left.

  const { max: most } = Math

  /** Repetitions up to this many are taken as a constant, more as n. */
  const SHORT = 64
  const INFINITE = 0x7fffffff
  const FACTOR_MAX = 1e6
  const ZERO = [0, 0, 0, 0]
  const ONE = [1, 0, 0, 0]
  const N = [0, 1, 0, 0]

  return { boundOf, stepsOf }

  /**
   * `{ attempt, failure, isAnchored, looksBehind }`: the steps at one position, those of an attempt that fails
   * where that is a constant (else null), or null for a pattern that has to be metered.
   */
  function boundOf(tree) {
    const attempt = costOf(tree, null)
    if (attempt === null) return null
    const failure = costOf(trimmed(tree), null)
    const isConstant =
      failure !== null && failure.steps[1] + failure.steps[2] + failure.steps[3] === 0
    return {
      attempt: attempt.steps,
      failure: isConstant ? failure.steps[0] + 1 : null,
      isAnchored: isAnchored(tree),
      looksBehind: looksBehind(tree)
    }
  }

  /** The value of a polynomial where `left` characters are left. */
  function stepsOf(polynomial, left) {
    const n = left + 1
    return polynomial[0] + n * (polynomial[1] + n * (polynomial[2] + n * polynomial[3]))
  }

  function costOf(node, follow) {
    switch (node.type) {
      case 'char':
        return { steps: ONE, ways: ONE, good: ONE }
      case 'class':
        return { steps: constant(weightOf(node)), ways: ONE, good: ONE }
      case 'start':
      case 'end':
        return { steps: ONE, ways: ONE, good: ONE }
      case 'word':
        return { steps: constant(4), ways: ONE, good: ONE }
      case 'reference':
        return { steps: [2, node.flags === '' ? 1 : 8, 0, 0], ways: ONE, good: ONE }
      case 'group': {
        const body = costOf(node.body, follow)
        return body && checked(add(body.steps, constant(2)), body.ways, body.good)
      }
      case 'look': {
        const body = costOf(node.behind ? mirrored(node.body) : node.body, null)
        return body && checked(add(body.steps, constant(4)), ONE, ONE)
      }
      case 'choice':
        return costOfChoice(node.items, follow)
      case 'sequence':
        return costOfSequence(node.items, follow)
      case 'loop':
        return costOfLoop(node, follow)
      default:
        return null
    }
  }

  function costOfChoice(items, follow) {
    let steps = constant(items.length)
    let [ways, good] = [ZERO, ZERO]
    let [widest, best] = [ZERO, ZERO]
    for (let i = 0; i < items.length; i++) {
      const cost = costOf(items[i], follow)
      if (cost === null) return null
      steps = add(steps, cost.steps)
      ways = add(ways, cost.ways)
      good = add(good, cost.good)
      widest = larger(widest, cost.ways)
      best = larger(best, cost.good)
    }
    return areAllApart(items) ? checked(steps, widest, best) : checked(steps, ways, good)
  }

  /** Whether no two of them can match at the same position; looked for among a few only. */
  function areAllApart(items) {
    if (items.length > 16) return false
    for (let i = 0; i < items.length; i++) {
      for (let j = 0; j < i; j++) if (!areApart(firstOf(items[i]), firstOf(items[j]))) return false
    }
    return true
  }

  function costOfSequence(items, follow) {
    let steps = ZERO
    let ways = ONE
    let good = ONE
    // from the end: what an item is followed by
    const follows = [follow]
    for (let i = items.length - 1; i > 0; i--) {
      follows[items.length - i] = before(items[i], follows[items.length - i - 1])
    }
    for (let i = 0; i < items.length; i++) {
      const next = follows[items.length - i - 1]
      const cost = costOf(items[i], next)
      if (cost === null) return null
      steps = add(steps, multiply(good, cost.steps))
      ways = multiply(good, cost.ways)
      good = multiply(good, cost.good)
      if (next !== null) steps = add(steps, multiply(ways, constant(next.cost)))
      if (steps === null || ways === null || good === null) return null
    }
    return checked(steps, ways, good)
  }

  function costOfLoop({ body, min, max }, follow) {
    if (max === 0) return { steps: ONE, ways: ONE, good: ONE }
    const rounds = max <= SHORT ? constant(max) : N
    const first = firstOf(body)
    const isApart = follow !== null && areApart(first, follow)
    if (body.type === 'char' || body.type === 'class') {
      const weight = body.type === 'char' ? 1 : weightOf(body)
      const ways = min === max ? ONE : add(rounds, ONE)
      // V8 keeps a counter for what is bounded
      const steps = multiply(add(rounds, ONE), constant((max === INFINITE ? 1 : 3) * weight))
      return checked(steps, ways, isApart ? ONE : ways)
    }
    if (max === 1) {
      const once = costOf(body, follow)
      if (once === null) return null
      const ways = add(once.ways, ONE)
      const good = isApart ? once.good : add(once.good, ONE)
      return checked(add(once.steps, constant(2)), ways, min === 1 ? once.good : good)
    }
    if (first === null || first.nullable) return null
    const next = follow === null ? null : either(first, follow)
    const once = costOf(body, next)
    if (once === null) return null
    const tail = first.cost + (follow === null ? 0 : follow.cost) + 4
    const round = add(once.steps, multiply(once.ways, constant(tail)))
    if (isOne(once.good)) {
      const ways = multiply(add(rounds, ONE), once.ways)
      return checked(multiply(add(rounds, ONE), round), ways, isApart ? ONE : ways)
    }
    if (max > 4) return null
    let ways = ONE
    let steps = ONE
    for (let i = 0; i < max; i++) {
      steps = add(steps, multiply(ways, round))
      ways = add(multiply(ways, once.ways), ONE)
    }
    return checked(steps, ways, ways)
  }

  /**
   * What the first character can be: `{ table, others, nullable, cost }`. The table holds 128 bits, for ASCII, `others`
   * is whether it may be any other, `cost` the steps to find that it is none of them; null where that is unknown.
   */
  function firstOf(node) {
    if (node.known === undefined) node.known = findFirst(node)
    return node.known
  }

  function findFirst(node) {
    switch (node.type) {
      case 'char':
      case 'class': {
        const { table, others } = classes.setOf(node)
        return { table, others, nullable: false, cost: node.type === 'char' ? 1 : weightOf(node) }
      }
      case 'end':
        if (node.multiline) return null
        return { table: ZERO, others: false, nullable: false, cost: 1 }
      case 'start':
      case 'word':
        return { table: ZERO, others: false, nullable: true, cost: 4 }
      case 'group':
        return firstOf(node.body)
      case 'loop': {
        const first = firstOf(node.body)
        return (
          first && { ...first, nullable: first.nullable || node.min === 0, cost: first.cost + 3 }
        )
      }
      case 'choice': {
        let first = firstOf(node.items[0])
        for (let i = 1; i < node.items.length; i++) first = either(first, firstOf(node.items[i]))
        return first
      }
      case 'sequence': {
        let first = { table: ZERO, others: false, nullable: true, cost: 0 }
        for (let i = node.items.length - 1; i >= 0; i--) first = before(node.items[i], first)
        return first
      }
      default:
        return null
    }
  }

  /** What comes first where `node` is followed by what begins with `rest`. */
  function before(node, rest) {
    const first = firstOf(node)
    if (first === null || !first.nullable) return first
    const both = either(first, rest)
    return both && { ...both, nullable: rest.nullable }
  }

  function either(a, b) {
    if (a === null || b === null) return null
    const [x, y] = [a.table, b.table]
    return {
      table: [x[0] | y[0], x[1] | y[1], x[2] | y[2], x[3] | y[3]],
      others: a.others || b.others,
      nullable: a.nullable || b.nullable,
      cost: a.cost + b.cost + 1
    }
  }

  function areApart(a, b) {
    if (a === null || b === null || a.nullable || b.nullable || (a.others && b.others)) return false
    const [x, y] = [a.table, b.table]
    return ((x[0] & y[0]) | (x[1] & y[1]) | (x[2] & y[2]) | (x[3] & y[3])) === 0
  }

  /** The pattern with a run of one character at its very end cut short: beyond that point it cannot fail. */
  function trimmed(node) {
    if (node.type === 'group') return { ...node, body: trimmed(node.body), known: undefined }
    if (node.type === 'choice' || (node.type === 'sequence' && node.items.length > 0)) {
      const items = []
      const { length } = node.items
      for (let i = 0; i < length; i++) {
        const isTail = node.type === 'choice' || i === length - 1
        items[i] = isTail ? trimmed(node.items[i]) : node.items[i]
      }
      return { ...node, items, known: undefined }
    }
    const isRun = node.type === 'loop' && (node.body.type === 'char' || node.body.type === 'class')
    return isRun ? { ...node, max: node.min } : node
  }

  /** A look-behind matches from its end to its beginning. */
  function mirrored(node) {
    if (node.type === 'start' || node.type === 'end') return { type: 'word' }
    if (node.type === 'look') return node
    if (node.body !== undefined) return { ...node, body: mirrored(node.body), known: undefined }
    if (node.items === undefined) return node
    const items = []
    const { length } = node.items
    for (let i = 0; i < length; i++) {
      items[node.type === 'sequence' ? length - 1 - i : i] = mirrored(node.items[i])
    }
    return { ...node, items, known: undefined }
  }

  function isAnchored(node) {
    if (node.type === 'start') return !node.multiline
    if (node.type === 'group') return isAnchored(node.body)
    if (node.type === 'sequence') return node.items.length > 0 && isAnchored(node.items[0])
    if (node.type !== 'choice') return false
    for (let i = 0; i < node.items.length; i++) if (!isAnchored(node.items[i])) return false
    return true
  }

  function looksBehind(node) {
    if (node.type === 'look' && node.behind) return true
    if (node.body !== undefined) return looksBehind(node.body)
    if (node.items === undefined) return false
    for (let i = 0; i < node.items.length; i++) if (looksBehind(node.items[i])) return true
    return false
  }

  function weightOf(node) {
    return classes.weightOf(node)
  }

  function constant(value) {
    return [value, 0, 0, 0]
  }

  function isOne(polynomial) {
    return polynomial[0] === 1 && polynomial[1] + polynomial[2] + polynomial[3] === 0
  }

  function checked(steps, ways, good) {
    return steps === null || ways === null || good === null ? null : { steps, ways, good }
  }

  function larger(a, b) {
    if (a === null || b === null) return null
    return [most(a[0], b[0]), most(a[1], b[1]), most(a[2], b[2]), most(a[3], b[3])]
  }

  function add(a, b) {
    if (a === null || b === null) return null
    return limited([a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]])
  }

  function multiply(a, b) {
    if (a === null || b === null) return null
    const product = [0, 0, 0, 0]
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 4; j++) {
        if (a[i] === 0 || b[j] === 0) continue
        if (i + j > 3) return null
        product[i + j] += a[i] * b[j]
      }
    }
    return limited(product)
  }

  function limited(polynomial) {
    for (let i = 0; i < 4; i++) if (polynomial[i] > FACTOR_MAX) return null
    return polynomial
  }
})
