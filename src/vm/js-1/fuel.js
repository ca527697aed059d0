;(function fuel() {
  // The fuel of the contract for what is not in its code: the counter is in the text that the contract was
  // compiled to (counter.js), which comes when all builtins are in place.

  const { ceil } = Math
  const { isError } = Error
  const { getOwnPropertyDescriptor } = Object
  const endsWith = Function.prototype.call.bind(String.prototype.endsWith)
  /** What V8 says where the isolate has no room for a buffer; the second behind the name of a function. */
  const NO_ROOM = ['Array buffer allocation failed', ': Out of memory']
  /** Bytes of buffers, and fuel for all that may be on the heap, after which it is asked anew whether there is room. */
  const WEIGHED_BYTES = 256 * 1024
  const WEIGHED_FUEL = 200_000
  /** `take`: the counter's own function, for whole units, none of them below zero: a call less than `charge`. */
  const fuel = {
    charge,
    note,
    descend,
    ascend,
    rethrow,
    spent,
    weigh,
    attach,
    take() {}
  }
  let takeForPromise = null
  let abandon = null
  let used = null
  let takeLevel = null
  let giveLevel = null
  let hasRoom = null
  let bytesSince = 0
  let weighedAt = 0

  return fuel

  /** Takes fuel, rounded up; throws when there is none left. While the realm is set up, nothing. */
  function charge(units) {
    // mostly a small integer: a call less
    if (units >>> 0 === units) {
      fuel.take(units)
      return
    }
    const cost = ceil(units)
    fuel.take(cost >= 0 ? cost : Infinity)
  }

  /** Takes whole units for something that may add or handle a rejected promise: see counter.js. */
  function note(units) {
    if (takeForPromise !== null) takeForPromise(units)
  }

  /** Fuel that the call has used. */
  function spent() {
    return used()
  }

  /** Takes a level of depth, as a function of the contract does; returns what `ascend` takes behind it. */
  function descend() {
    return takeLevel === null ? 0 : takeLevel()
  }

  function ascend(before) {
    if (giveLevel !== null) giveLevel(before)
  }

  /**
   * Throws what was thrown where a buffer was made. How full the heap is depends on the machine: so no contract may
   * learn that there was no room, and the call is over.
   */
  function rethrow(error) {
    const message = isError(error) ? getOwnPropertyDescriptor(error, 'message')?.value : undefined
    if (abandon !== null && typeof message === 'string') {
      for (let i = 0; i < NO_ROOM.length; i++) if (endsWith(message, NO_ROOM[i])) abandon()
    }
    throw error
  }

  /**
   * To be called before a buffer of so many bytes is made. Where heap and buffers are near the limit, isolated-vm has V8
   * collect garbage again with each MiB, and V8 itself several times more before it gives up, all of which nothing
   * interrupts: that is for seconds. So the engine is asked first, and a call that leaves too little ends.
   */
  function weigh(bytes) {
    if (hasRoom === null) return
    bytesSince += bytes
    const fuel = used()
    // with less than that it is another call's
    const isRecent = fuel >= weighedAt && fuel - weighedAt < WEIGHED_FUEL
    if (isRecent && bytesSince < WEIGHED_BYTES) return
    weighedAt = fuel
    bytesSince = 0
    if (!hasRoom(bytes)) abandon()
  }

  function attach(counter, isRoom) {
    hasRoom = isRoom
    used = counter.used
    fuel.take = counter.charge
    takeForPromise = counter.note
    takeLevel = counter.descend
    giveLevel = counter.ascend
    abandon = counter.abandon
  }
})
