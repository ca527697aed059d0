export function compareBytes(a: string, b: string): number
