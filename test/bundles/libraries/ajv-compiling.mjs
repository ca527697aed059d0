import { Ajv } from 'ajv'

export const check = (value) => new Ajv().compile({ type: 'string' })(value)
