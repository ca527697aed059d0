export function variablePath(name: string): string | null
export function variableName(path: string): string | null

/** Names and values in the order of their paths, as a batch begins with them. */
export function sortVariables(variables: ReadonlyMap<string, string>): [string, string][]
