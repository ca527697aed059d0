export function variablePath(name: string): string | null
export function variableName(path: string): string | null
