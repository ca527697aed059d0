import * as z from 'zod/mini'

const Point = z.object({ x: z.number(), y: z.optional(z.number()) })

export const parse = (input: unknown) => z.parse(Point, input)
