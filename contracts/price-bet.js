// Two people bet on a price: one says that it will be above a limit at some time, another one that it will not. What
// the price is then says the host's oracle `price(symbol)`. The host may lie as an oracle, but not unseen: its answer
// stays in the call log, under its signature.

const DAY_MS = 86_400_000

/** How long after its time a bet waits for an oracle that does not answer; then nobody has won. */
const PATIENCE_MS = 7 * DAY_MS

exports.bets = 0

/** Bets that the price of `symbol` is above `limit` at `time`, ms since 1970; returns the id of the bet. */
exports.propose = async (symbol, limit, time) => {
  if (typeof symbol !== 'string' || !/^[A-Z0-9.-]{1,12}$/.test(symbol)) {
    fail('SYMBOL_INVALID', 'a symbol has 1 to 12 characters: A-Z, 0-9, . and -')
  }
  if (!isPrice(limit)) fail('LIMIT_INVALID', 'a limit is a number above 0')
  if (!Number.isSafeInteger(time) || time <= env.time) {
    fail('TIME_INVALID', 'a bet is settled at a time to come, in ms since 1970')
  }
  const id = ++exports.bets
  await save({
    id,
    symbol,
    limit,
    time,
    above: caller.id,
    below: null,
    status: 'proposed',
    price: null,
    winner: null
  })
  return id
}

/** Takes the other side. */
exports.take = async (id) => {
  const bet = await loadBet(id, 'proposed')
  if (bet.above === caller.id) fail('OWN_BET', 'a bet takes two')
  if (env.time >= bet.time) fail('TOO_LATE', 'the time of this bet has come')
  await save({ ...bet, below: caller.id, status: 'taken' })
}

/** Takes back a bet of one's own that nobody has taken. */
exports.cancel = async (id) => {
  const bet = await loadBet(id, 'proposed')
  if (bet.above !== caller.id) fail('NOT_YOURS', 'only who proposed the bet may cancel it')
  await save({ ...bet, status: 'cancelled' })
}

/** Asks for the price and settles the bet; anybody may, once its time has come. Returns the bet. */
exports.settle = async (id) => {
  const bet = await loadBet(id, 'taken')
  if (env.time < bet.time) fail('TOO_EARLY', 'the time of this bet has not come yet')
  const { price, why } = await askPrice(bet.symbol)
  if (price === null && env.time < bet.time + PATIENCE_MS) {
    fail('PRICE_UNAVAILABLE', `the price of ${bet.symbol} cannot be had (${why}): try again later`)
  }
  const winner = price === null ? null : price > bet.limit ? bet.above : bet.below
  const settled = { ...bet, status: price === null ? 'void' : 'settled', price, winner }
  await save(settled)
  return settled
}

exports.get = async (id) => {
  const path = betPath(id)
  if (!(await state.exists(path))) fail('BET_UNKNOWN', `there is no bet ${id}`)
  return JSON.parse(await state.readFile(path))
}

/** The price, or why there is none. An oracle that fails is an error like any other, with a code. */
async function askPrice(symbol) {
  try {
    const price = await oracle.price(symbol)
    if (isPrice(price)) return { price, why: null }
    return { price: null, why: 'the oracle gave no price' }
  } catch (error) {
    return { price: null, why: error.code }
  }
}

function isPrice(value) {
  return typeof value === 'number' && value > 0
}

async function loadBet(id, status) {
  const bet = await exports.get(id)
  if (bet.status !== status) fail('WRONG_STATUS', `bet ${id} is ${bet.status}, not ${status}`)
  return bet
}

async function save(bet) {
  await state.writeFile(betPath(bet.id), JSON.stringify(bet))
}

function betPath(id) {
  if (!Number.isSafeInteger(id)) fail('BET_UNKNOWN', 'bets have numbers')
  return `/bets/${id}.json`
}

function fail(code, message) {
  throw Object.assign(new Error(message), { code })
}
