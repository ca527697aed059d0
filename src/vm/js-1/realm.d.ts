export function readRealm(): string
export function composeRealm(charge?: string): string
export function composeRegExp(): string
