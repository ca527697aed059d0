// made of a schema before deployment: see bundle-libraries.test.ts
import { validateOrder } from './order-validator.mjs'

export let count = 0

export function order(input) {
  if (!validateOrder(input)) {
    throw new Error(
      validateOrder.errors
        .map(({ instancePath, message }) => `${instancePath} ${message}`)
        .join(', ')
    )
  }
  return ++count
}
