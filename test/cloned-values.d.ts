export function cloned(): string[]
export function ordered(fails: boolean): Promise<string>
