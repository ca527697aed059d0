import type { Encoder } from 'compact-encoding'

/** The encoding of a struct that scripts/schema.js declares, `@mivm/<name>`; throws for any other name. */
export function getEncoding<T extends object>(name: string): Encoder<T>
