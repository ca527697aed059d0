// Oracles for `mivm host --oracle examples/oracle-prices.js`: every exported function is one. Contracts on that host
// call this one as `oracle.price(symbol)`. A real one would ask an exchange; what it throws, contracts can catch.

const PRICES = new Map([
  ['ACME', 151.25],
  ['INITECH', 12.5],
  ['GLOBEX', 99.99]
])

/** The price of a stock, in dollars. */
export async function price(symbol) {
  const found = PRICES.get(symbol)
  if (found !== undefined) return found
  throw Object.assign(new Error(`there is no stock ${symbol}`), { code: 'SYMBOL_UNKNOWN' })
}
