import { childrenOf, isAnonymous } from './syntax.js'

/** In front of what suspends a function. */
export const LEAVE = '$mivmD = $mivmd, $mivmd = -1'

/** It may be left already: whoever leaves several loops at once is not entered between them. */
export const LEAVE_ONCE = `if ($mivmd >= 0) {${LEAVE}}`

/** Lists of variables that V8 may go through for one, up to which it takes no time for them that counts. */
const LISTS_FEW = 16

/** Makes the new text of a program, node by node, and knows what is put into it: subclasses have the types of nodes. */
export class Emitter {
  text
  prices
  /** What is emitted: `{ levels, lists, search, isDirect, isSuspendable, isAsync, isAsyncGenerator, hasForAwait, temps, tempsMax }`. */
  fn = { levels: 1, lists: 0, search: 0, isSuspendable: false, temps: 0, tempsMax: 0 }

  constructor(text, prices) {
    this.text = text
    this.prices = prices
  }

  /** The new text of a node. Each type of node that needs more than {@link copy} has a method of its name. */
  emit(node) {
    return this[node.type] === undefined ? this.copy(node) : this[node.type](node)
  }

  /** The text of a node with the new texts of its children. */
  copy(node, children = childrenOf(node), emit = (child) => this.emit(child)) {
    let text = ''
    let at = node.start
    for (const child of children) {
      text += this.text.slice(at, child.start) + emit(child)
      at = child.end
    }
    return text + this.text.slice(at, node.end)
  }

  source({ start, end }) {
    return this.text.slice(start, end)
  }

  // ---- what is inserted

  /** True where there is too little: the sign of a small integer is found faster than it is compared with zero. */
  take(cost) {
    return `(${this.taken(cost)}) >> 31`
  }

  taken(cost) {
    return `$mivmF -= ${this.units(cost)}`
  }

  /** What is far from the variables that it sees costs more. */
  units(cost) {
    const far = Math.max(0, this.fn.lists - LISTS_FEW) * this.prices.list
    return Math.ceil(cost * this.prices.scale * (1 + far))
  }

  /** The same for fuel and levels of depth, where a function is entered. */
  enterTest(cost) {
    return `(($mivmD = ($mivmd = $mivmD) - ${this.fn.levels}) | (${this.taken(cost)})) >> 31`
  }

  pay(cost) {
    return `if (${this.take(cost)}) $mivmT();`
  }

  /** Units for an error that V8 makes in code of this length: for its message it reads all of the function. */
  failure({ length }) {
    return Math.ceil(this.prices.failure + length * this.prices.failureCharacter)
  }

  /** For the handlers in a function. */
  size(text) {
    return `var $mivms = ${this.failure(text)};`
  }

  /** In a block that is entered or not. */
  toll({ toll }) {
    return toll === undefined ? '' : this.pay(toll)
  }

  /** For an expression that is evaluated or not. */
  tolled(node) {
    const text = this.emit(node)
    return node.toll === undefined ? text : `(${this.take(node.toll)} && $mivmT(), ${text})`
  }

  /** What a function of many variables pays, on top, wherever it may be suspended; of an async generator, twice. */
  kept() {
    const { levels, isAsyncGenerator } = this.fn
    return (levels - 1) * this.prices.kept * (isAsyncGenerator ? 2 : 1)
  }

  /** At the beginning of a handler: whatever led here, the depth is that of the function again. */
  handle(cost) {
    const { rejection, scale } = this.prices
    const search = this.fn.search / scale
    const enter = this.fn.isSuspendable
      ? `if ($mivmd < 0) {$mivmd = $mivmD;$mivmF -= ${rejection}}`
      : ''
    return `${enter}$mivmD = $mivmd - ${this.fn.levels};${this.pay(cost + search)}`
  }

  /** Behind what suspended the function, as an expression. */
  enter(cost) {
    return `${this.enterTest(cost)} && $mivmT()`
  }

  /** The same, with what was kept of the function. */
  resume(cost) {
    return this.enter(cost + this.kept())
  }

  /** Where a function may be that `for await` has suspended: V8 does that by itself, also when it leaves a loop. */
  again() {
    return this.fn.hasForAwait ? `if ($mivmd < 0) {${this.enter(1)}}` : ''
  }

  /** What a loop evaluates between two turns, maybe behind a `for await` in its body that was left by `continue`. */
  between(node) {
    const text = this.emit(node)
    return this.fn.hasForAwait ? `($mivmd < 0 && (${this.enter(1)}), ${text})` : text
  }

  /** The name of a variable that nobody uses at this place of an expression, until it is given back. */
  temp() {
    const fn = this.fn
    fn.temps++
    if (fn.temps > fn.tempsMax) fn.tempsMax = fn.temps
    return `$mivm${fn.temps}`
  }

  free(count) {
    this.fn.temps -= count
  }

  /** Emits code that has variables of its own; `temps` is the end of their declaration. */
  within(fn, emit) {
    const outer = this.fn
    this.fn = { temps: 0, tempsMax: 0, lists: outer.lists, ...fn }
    const text = emit()
    let temps = ''
    for (let i = 1; i <= this.fn.tempsMax; i++) temps += `, $mivm${i}`
    const { handles = false } = this.fn
    this.fn = outer
    return { text, temps, handles }
  }
}

/** Of code that $mivmP evaluates, which has entered a level already. */
export function declaration(temps) {
  return `var $mivmd = $mivmD + 1${temps};`
}

/** An expression in the place of one that gives its own name to a function. */
export function nameless(node, text) {
  return isAnonymous(node) ? `(0, ${text})` : text
}
