export function composeRealm(charge?: string): string
export function composeScript(charge?: string): string
export function composeRegExp(): string
