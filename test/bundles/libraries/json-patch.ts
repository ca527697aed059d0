import { applyPatch, compare, type Operation, validate } from 'fast-json-patch'

export let document: { title?: string; tags: string[] } = { tags: [] }

export function patch(operations: Operation[]) {
  const error = validate(operations, document)
  if (error !== undefined) throw Object.assign(new Error(error.name), { code: error.name })
  document = applyPatch(document, operations).newDocument
  return document
}

export const difference = (other: object) => compare(document, other)
