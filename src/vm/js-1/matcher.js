;(function matcher(classes, prices) {
  // A backtracking matcher that counts its steps: what ECMA-262 calls a Matcher, compiled to a list of numbers,
  // with the places to go back to on a stack of its own. It runs no code but its own, so that a step is the same
  // on every machine; it charges as it goes, and thus ends when the fuel does.
  //
  // The stack holds, from the top down: [place, position] of a choice; [~register, value] to set back; and
  // [place, position, limit] where the place is one of MORE and LESS, the rest of a run of one character.

  const uncurry = Function.prototype.bind.bind(Function.prototype.call)
  const exec = uncurry(RegExp.prototype.exec)
  const slice = uncurry(String.prototype.slice)
  const set = uncurry(Int32Array.prototype.set)
  const fill = uncurry(Int32Array.prototype.fill)
  const { fromCodePoint } = String
  const { toUpperCase } = String.prototype
  const { apply } = Reflect
  const RawInt32Array = Int32Array

  const INFINITE = 0x7fffffff
  /** Numbers on the stack: 16 MiB. */
  const STACK_MAX = 4 * 1024 * 1024
  const STACK_MIN = 1024
  /** A stack that has grown beyond this is not kept for the next match. */
  const STACK_KEPT = 64 * 1024
  /** Steps between two charges. */
  const SLICE = 512
  /** Characters of a run that are looked at one by one before V8 is asked for its end. */
  const RUN_SHORT = 24

  const MATCH = 0
  const CHAR = 1
  const CHAR_BACK = 2
  const CLASS = 3
  const CLASS_BACK = 4
  const SPLIT = 5
  const JUMP = 6
  const SAVE = 7
  const LOOP = 8
  const ENTER = 9
  const NEXT = 10
  const RUN = 11
  const LESS = 12
  const MORE = 13
  const START = 14
  const END = 15
  const WORD = 16
  const REFERENCE = 17
  const LOOK = 18
  const LOOK_END = 19
  const DENY = 20
  const DENY_END = 21
  const STRINGS = 22
  const SET = 23

  const foldedPair = classes.compile('^([^])\\1$', 'iu')

  /** Of the attempt that is under way; there is never more than one. */
  let stack = null
  let top = 0
  let registers = new RawInt32Array(16)

  return { compile, search, shrink }

  /** Gives back what a match of an earlier call has needed. */
  function shrink() {
    if (stack !== null && stack.length > STACK_KEPT) stack = null
  }

  // ---- compiling

  /** A program for {@link search}; `tree` and `count` as pattern.js gives them, `unicode`: flag u or v. */
  function compile(tree, count, unicode) {
    const code = []
    const items = []
    let registerCount = 2 * count + 2
    emit(tree, false)
    push(MATCH)
    return { code, items, count, registerCount, unicode, first: firstOf(tree, unicode) }

    function push(...numbers) {
      for (let i = 0; i < numbers.length; i++) code[code.length] = numbers[i]
    }

    function keep(item) {
      items[items.length] = item
      return items.length - 1
    }

    function emit(node, back) {
      switch (node.type) {
        case 'char':
          return push(back ? CHAR_BACK : CHAR, node.code, node.other)
        case 'class':
          return push(back ? CLASS_BACK : CLASS, keep(classes.classOf(node)))
        case 'strings': {
          const whole = classes.compile(`^(?:${node.text})$`, node.flags)
          return push(STRINGS, keep({ whole, longest: node.longest }), back ? 1 : 0)
        }
        case 'sequence':
          return emitSequence(node.items, back)
        case 'choice':
          return emitChoice(node.items, back)
        case 'group':
          push(SAVE, 2 * node.index + (back ? 1 : 0))
          emit(node.body, back)
          return push(SAVE, 2 * node.index + (back ? 0 : 1))
        case 'loop':
          return emitLoop(node, back)
        case 'look':
          return emitLook(node)
        case 'reference':
          return push(REFERENCE, keep(node), back ? 1 : 0)
        case 'start':
        case 'end':
          return push(node.type === 'start' ? START : END, node.multiline ? 1 : 0)
        case 'word':
          return push(
            WORD,
            keep(classes.classOf({ text: '\\w', flags: node.flags })),
            node.negative ? 1 : 0
          )
        default:
          throw new Error(`there is no node ${node.type}`)
      }
    }

    function emitSequence(nodes, back) {
      for (let i = 0; i < nodes.length; i++) emit(nodes[back ? nodes.length - 1 - i : i], back)
    }

    function emitChoice(nodes, back) {
      const exits = []
      for (let i = 0; i < nodes.length - 1; i++) {
        push(SPLIT, 0)
        const other = code.length - 1
        emit(nodes[i], back)
        push(JUMP, 0)
        exits[i] = code.length - 1
        code[other] = code.length
      }
      emit(nodes[nodes.length - 1], back)
      for (let i = 0; i < exits.length; i++) code[exits[i]] = code.length
    }

    function emitLoop({ body, min, max, lazy, first, last }, back) {
      if (max === 0) return
      if (!back && (body.type === 'char' || body.type === 'class')) {
        const item = body.type === 'char' ? body : classes.classOf(body)
        push(RUN, keep(item), min, max, lazy ? 1 : 0, lazy ? MORE : LESS)
        return
      }
      const counter = registerCount++
      const begin = registerCount++
      push(SET, counter)
      const head = code.length
      push(LOOP, counter, min, max, lazy ? 1 : 0, 0)
      const exit = code.length - 1
      push(ENTER, counter, begin, 2 * first, 2 * last + 1)
      emit(body, back)
      push(NEXT, counter, begin, min, head)
      code[exit] = code.length
    }

    function emitLook({ body, behind, negative }) {
      const height = registerCount++
      const begin = registerCount++
      push(negative ? DENY : LOOK, height, begin, 0)
      const exit = code.length - 1
      emit(body, behind)
      push(negative ? DENY_END : LOOK_END, height, begin)
      code[exit] = code.length
    }
  }

  /** A RegExp for what a match can begin with, or more; null where that is unknown. */
  function firstOf(tree, unicode) {
    const found = { text: '', flags: null }
    if (!collect(tree)) return null
    const flags = found.flags ?? (unicode ? 'u' : '')
    return { regexp: classes.compile(found.text, `${flags}g`), weight: unicode ? 2 : 1 }

    function collect(node) {
      switch (node.type) {
        case 'char':
          if (unicode && node.code >= 0xd800 && node.code <= 0xdfff) return false
          add(classes.textOf(node.code))
          if (node.other !== node.code) add(classes.textOf(node.other))
          return true
        case 'class':
          if (found.flags !== null && found.flags !== node.flags) return false
          found.flags = node.flags
          add(node.text)
          return true
        case 'group':
          return collect(node.body)
        case 'loop':
          return node.min > 0 && collect(node.body)
        case 'sequence':
          return node.items.length > 0 && collect(node.items[0])
        case 'choice':
          if (node.items.length > 16) return false
          for (let i = 0; i < node.items.length; i++) if (!collect(node.items[i])) return false
          return true
        default:
          return false
      }
    }

    function add(text) {
      found.text = found.text === '' ? text : `${found.text}|${text}`
    }
  }

  // ---- matching

  /**
   * Looks for a match from `from` on, or with `once` at `from` only. Returns the registers (twice as many numbers as
   * there are captures and the whole: begin and end, or -1), which the next search overwrites, or null. `charge`
   * takes units of fuel.
   */
  function search(program, text, from, once, charge) {
    const { first, unicode, registerCount } = program
    if (registers.length < registerCount) registers = new RawInt32Array(2 * registerCount)
    const spent = { steps: registerCount >> 2, charge }
    let start = from
    if (unicode && start > 0 && isPair(text, start - 1)) start--
    fill(registers, -1, 0, registerCount)
    if (stack === null || stack.length > STACK_KEPT) stack = new RawInt32Array(STACK_MIN)
    while (start <= text.length) {
      if (first !== null && !once) {
        first.regexp.lastIndex = start
        const found = exec(first.regexp, text)
        const next = found === null ? text.length + 1 : found.index
        spent.steps += 3 + (((next - start) * first.weight) >> 3)
        if (found === null) break
        start = next
      }
      if (attempt(program, text, start, spent)) {
        settle(spent)
        return registers
      }
      if (once) break
      start += unicode && isPair(text, start) ? 2 : 1
    }
    settle(spent)
    return null
  }

  function settle(spent) {
    const { steps } = spent
    spent.steps = 0
    spent.charge(steps * prices.STEP)
  }

  function attempt(program, text, start, spent) {
    const { code, items, unicode } = program
    const { length } = text
    let place = 0
    let at = start
    let steps = spent.steps + 2
    top = 0
    registers[0] = start
    for (;;) {
      if (++steps > SLICE) {
        spent.steps = steps
        settle(spent)
        steps = 0
      }
      if (top + 8 > stack.length) grow()
      let failed = false
      // numbers, because only of these V8 makes a table to jump by
      switch (code[place]) {
        case 0: // MATCH
          registers[1] = at
          spent.steps = steps
          return true
        case 1: {
          // CHAR
          const char = at < length ? text.charCodeAt(at) : -1
          if (char === code[place + 1] || char === code[place + 2]) {
            at++
            place += 3
          } else failed = true
          break
        }
        case 2: {
          // CHAR_BACK
          const char = at > 0 ? text.charCodeAt(at - 1) : -1
          if (char === code[place + 1] || char === code[place + 2]) {
            at--
            place += 3
          } else failed = true
          break
        }
        case 3: {
          // CLASS
          if (at >= length) {
            failed = true
            break
          }
          const char = unicode ? text.codePointAt(at) : text.charCodeAt(at)
          if (char > 127) steps += prices.RARE_STEPS
          if (classes.has(items[code[place + 1]], char)) {
            at += char > 0xffff ? 2 : 1
            place += 2
          } else failed = true
          break
        }
        case 4: {
          // CLASS_BACK
          if (at <= 0) {
            failed = true
            break
          }
          const begin = unicode && at > 1 && isPair(text, at - 2) ? at - 2 : at - 1
          const char = unicode ? text.codePointAt(begin) : text.charCodeAt(begin)
          if (char > 127) steps += prices.RARE_STEPS
          if (classes.has(items[code[place + 1]], char)) {
            at = begin
            place += 2
          } else failed = true
          break
        }
        case 5: // SPLIT
          stack[top++] = at
          stack[top++] = code[place + 1]
          place += 2
          break
        case 6: // JUMP
          place = code[place + 1]
          break
        case 7: {
          // SAVE
          const register = code[place + 1]
          stack[top++] = registers[register]
          stack[top++] = ~register
          registers[register] = at
          place += 2
          break
        }
        case 23: {
          // SET
          const register = code[place + 1]
          stack[top++] = registers[register]
          stack[top++] = ~register
          registers[register] = 0
          place += 2
          break
        }
        case 8: {
          // LOOP
          const count = registers[code[place + 1]]
          const exit = code[place + 5]
          if (count < code[place + 2]) place += 6
          else if (count >= code[place + 3]) place = exit
          else {
            stack[top++] = at
            if (code[place + 4] === 1) {
              stack[top++] = place + 6
              place = exit
            } else {
              stack[top++] = exit
              place += 6
            }
          }
          break
        }
        case 9: {
          // ENTER
          const counter = code[place + 1]
          const begin = code[place + 2]
          stack[top++] = registers[counter]
          stack[top++] = ~counter
          stack[top++] = registers[begin]
          stack[top++] = ~begin
          registers[counter]++
          registers[begin] = at
          const last = code[place + 4]
          for (let i = code[place + 3]; i <= last; i++) {
            steps++
            if (registers[i] === -1) continue
            if (top + 8 > stack.length) grow()
            stack[top++] = registers[i]
            stack[top++] = ~i
            registers[i] = -1
          }
          place += 5
          break
        }
        case 10: // NEXT
          // an empty round that nobody asked for leads nowhere
          if (at === registers[code[place + 2]] && registers[code[place + 1]] > code[place + 3]) {
            failed = true
          } else place = code[place + 4]
          break
        case 11: {
          // RUN
          const item = items[code[place + 1]]
          const min = code[place + 2]
          const lazy = code[place + 4] === 1
          const max = lazy ? min : code[place + 3]
          const isClass = item.type !== 'char'
          let count = 0
          let least = min === 0 ? at : -1
          while (count < max) {
            if (count >= RUN_SHORT && count >= min && isClass && max === INFINITE) {
              const end = classes.endOfRun(item, text, at)
              steps += 3 + ((end - at) >> 2)
              at = end
              break
            }
            const width = widthAt(item, isClass, text, at, unicode)
            if (width === 0) break
            if (isClass && text.charCodeAt(at) > 127) steps += prices.RARE_STEPS
            at += width
            count++
            steps++
            if (count === min) least = at
            if (steps > SLICE) {
              spent.steps = steps
              settle(spent)
              steps = 0
            }
          }
          if (count < min) failed = true
          else if (lazy ? code[place + 3] > min : at > least) {
            // what is left to do is behind this place: to take one more, or to give one back
            stack[top++] = lazy ? code[place + 3] - min : least
            stack[top++] = at
            stack[top++] = place + 5
            place += 6
          } else place += 6
          break
        }
        case 12: {
          // LESS
          const least = stack[--top]
          at -= unicode && at - 2 >= least && isPair(text, at - 2) ? 2 : 1
          if (at > least) {
            stack[top++] = least
            stack[top++] = at
            stack[top++] = place
          }
          place++
          break
        }
        case 13: {
          // MORE
          const left = stack[--top]
          const item = items[code[place - 4]]
          const isClass = item.type !== 'char'
          const width = widthAt(item, isClass, text, at, unicode)
          if (width === 0) failed = true
          else {
            if (isClass && text.charCodeAt(at) > 127) steps += prices.RARE_STEPS
            at += width
            if (left > 1) {
              stack[top++] = left === INFINITE ? left : left - 1
              stack[top++] = at
              stack[top++] = place
            }
            place++
          }
          break
        }
        case 14: // START
          if (at === 0 || (code[place + 1] === 1 && isLineEnd(text.charCodeAt(at - 1)))) place += 2
          else failed = true
          break
        case 15: // END
          if (at === length || (code[place + 1] === 1 && isLineEnd(text.charCodeAt(at)))) place += 2
          else failed = true
          break
        case 16: {
          // WORD
          const word = items[code[place + 1]]
          const before = at > 0 && classes.has(word, text.charCodeAt(at - 1))
          const after = at < length && classes.has(word, text.charCodeAt(at))
          steps += 1
          if ((before !== after) === (code[place + 2] === 0)) place += 3
          else failed = true
          break
        }
        case 17: {
          // REFERENCE
          const item = items[code[place + 1]]
          const moved = refer(item, text, at, code[place + 2] === 1, spent)
          // half of a pair is no character
          if (moved < 0 || (unicode && moved > 0 && isPair(text, moved - 1))) failed = true
          else {
            at = moved
            place += 3
          }
          break
        }
        case 18: // LOOK
        case 20: {
          // DENY
          const height = code[place + 1]
          const begin = code[place + 2]
          stack[top++] = registers[height]
          stack[top++] = ~height
          stack[top++] = registers[begin]
          stack[top++] = ~begin
          registers[height] = top
          registers[begin] = at
          if (code[place] === DENY) {
            stack[top++] = at
            stack[top++] = code[place + 3]
          }
          place += 4
          break
        }
        case 19: // LOOK_END
          steps += dropChoices(code, registers[code[place + 1]])
          at = registers[code[place + 2]]
          place += 3
          break
        case 21: // DENY_END
          steps += unwind(code, registers[code[place + 1]])
          failed = true
          break
        case 22: {
          // STRINGS
          const item = items[code[place + 1]]
          const back = code[place + 2] === 1
          const ends = endsOf(item, text, at, back, unicode)
          steps += prices.STRING_STEPS * item.longest
          place += 3
          if (ends.length === 0) failed = true
          else {
            for (let i = 0; i < ends.length - 1; i++) {
              if (top + 8 > stack.length) grow()
              stack[top++] = ends[i]
              stack[top++] = place
            }
            at = ends[ends.length - 1]
          }
          break
        }
        default:
          throw new Error(`there is no operation ${code[place]}`)
      }
      if (!failed) continue
      for (;;) {
        if (top === 0) {
          spent.steps = steps
          return false
        }
        place = stack[--top]
        if (place >= 0) break
        registers[~place] = stack[--top]
      }
      at = stack[--top]
    }
  }

  /** How many code units the character at `at` has if it is in the class, else 0. */
  function widthAt(item, isClass, text, at, unicode) {
    if (at >= text.length) return 0
    const char = unicode && isClass ? text.codePointAt(at) : text.charCodeAt(at)
    if (isClass) return classes.has(item, char) ? (char > 0xffff ? 2 : 1) : 0
    return char === item.code || char === item.other ? 1 : 0
  }

  /** Where a match of the reference from `at` on ends, or -1. */
  function refer({ indices, flags }, text, at, back, spent) {
    for (let i = 0; i < indices.length; i++) {
      const begin = registers[2 * indices[i]]
      const end = registers[2 * indices[i] + 1]
      if (begin < 0 || end < 0) continue
      const length = end - begin
      const from = back ? at - length : at
      if (from < 0 || from + length > text.length) return -1
      // settled at once: the text may be long
      spent.charge((length >> 3) * prices.STEP)
      const known = slice(text, begin, end)
      const found = slice(text, from, from + length)
      if (known !== found && (flags === '' || !isSameFolded(known, found, flags, spent))) return -1
      return back ? from : from + length
    }
    return at
  }

  function isSameFolded(a, b, flags, spent) {
    if (flags[0] !== 'i') return false
    const unicode = flags.length > 1
    spent.charge(a.length * prices.RARE_STEPS * prices.STEP)
    for (let i = 0; i < a.length; i++) {
      const x = unicode ? a.codePointAt(i) : a.charCodeAt(i)
      const y = unicode ? b.codePointAt(i) : b.charCodeAt(i)
      if (x !== y && !(unicode ? isFoldedPair(x, y) : upper(x) === upper(y))) return false
      if (x > 0xffff) i++
    }
    return true
  }

  function isFoldedPair(x, y) {
    const isSurrogate = (x >= 0xd800 && x <= 0xdfff) || (y >= 0xd800 && y <= 0xdfff)
    return !isSurrogate && exec(foldedPair, fromCodePoint(x, y)) !== null
  }

  /** Canonicalize of ECMA-262 without flag u. */
  function upper(code) {
    const text = apply(toUpperCase, fromCodePoint(code), [])
    if (text.length !== 1) return code
    const found = text.charCodeAt(0)
    return code > 127 && found < 128 ? code : found
  }

  /** The positions that a class of strings leads to, the one of the longest string last. */
  function endsOf({ whole, longest }, text, at, back, unicode) {
    const ends = []
    let end = at
    for (let i = 0; i <= longest; i++) {
      const found = back ? slice(text, end, at) : slice(text, at, end)
      if (exec(whole, found) !== null) ends[ends.length] = end
      if (back) {
        if (end === 0) break
        end -= unicode && end > 1 && isPair(text, end - 2) ? 2 : 1
      } else {
        if (end === text.length) break
        end += unicode && isPair(text, end) ? 2 : 1
      }
    }
    return ends
  }

  /** Forgets the choices above `height`, but not what has to be set back; gives the steps. */
  function dropChoices(code, height) {
    const kept = []
    const before = top
    while (top > height) {
      const tag = stack[--top]
      if (tag < 0) {
        kept[kept.length] = tag
        kept[kept.length] = stack[--top]
      } else {
        top -= sizeOf(code, tag)
      }
    }
    for (let i = kept.length - 1; i >= 0; i--) stack[top++] = kept[i]
    return (before - height) >> 1
  }

  /** Sets everything back to what it was at `height`; gives the steps. */
  function unwind(code, height) {
    const before = top
    while (top > height) {
      const tag = stack[--top]
      if (tag < 0) registers[~tag] = stack[--top]
      else top -= sizeOf(code, tag)
    }
    return (before - height) >> 1
  }

  function sizeOf(code, place) {
    return code[place] === LESS || code[place] === MORE ? 2 : 1
  }

  function grow() {
    if (stack.length >= STACK_MAX) {
      stack = new RawInt32Array(STACK_MIN)
      const error = new RangeError(
        `a match needs to remember more than ${STACK_MAX} numbers: make the RegExp or the text simpler`
      )
      error.code = 'REGEXP_TOO_DEEP'
      throw error
    }
    const larger = new RawInt32Array(4 * stack.length)
    set(larger, stack)
    stack = larger
  }

  function isPair(text, at) {
    const high = text.charCodeAt(at)
    if (!(high >= 0xd800 && high <= 0xdbff)) return false
    const low = text.charCodeAt(at + 1)
    return low >= 0xdc00 && low <= 0xdfff
  }

  function isLineEnd(char) {
    return char === 10 || char === 13 || char === 0x2028 || char === 0x2029
  }
})
