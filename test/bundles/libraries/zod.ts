import * as z from 'zod'

const Order = z.object({
  id: z.int().positive(),
  mail: z.email(),
  items: z.array(z.object({ name: z.string().min(2), price: z.bigint() })).nonempty(),
  note: z.string().default('none'),
  kind: z.discriminatedUnion('type', [
    z.object({ type: z.literal('post'), code: z.string().regex(/^\d{5}$/) }),
    z.object({ type: z.literal('fetch') })
  ])
})

export const orders: z.infer<typeof Order>[] = []

export function order(input: unknown) {
  orders.push(Order.parse(input))
  return orders.length
}

export function problems(input: unknown) {
  const { error } = Order.safeParse(input)
  return error === undefined
    ? []
    : error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

export const schema = () =>
  JSON.parse(JSON.stringify(z.toJSONSchema(Order, { unrepresentable: 'any' })))
