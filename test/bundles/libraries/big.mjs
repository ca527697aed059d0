import Big from 'big.js'

export let balance = '0'

export function deposit(amount) {
  balance = new Big(balance).plus(amount).toString()
  return balance
}

export const interest = (percent, years) =>
  new Big(balance)
    .times(new Big(1).plus(new Big(percent).div(100)).pow(years))
    .round(2)
    .toFixed(2)

export const root = (digits) => {
  Big.DP = digits
  return new Big(2).sqrt().toString()
}
