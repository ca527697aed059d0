export function composeRealm(charge?: string): string
export function composeRegExp(): string
