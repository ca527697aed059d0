import { parse, tokenizer } from 'acorn'

export function names(source: string) {
  const { body } = parse(source, { ecmaVersion: 'latest', sourceType: 'module' })
  return body.map((node) =>
    'id' in node && node.id?.type === 'Identifier' ? node.id.name : node.type
  )
}

export const count = (source: string) => [...tokenizer(source, { ecmaVersion: 2020 })].length

export function failure(source: string) {
  try {
    parse(source, { ecmaVersion: 2020 })
    return null
  } catch (error) {
    return (error as Error).message
  }
}
