export function programOf(file: string): string
export function makePrograms(dir: string): Promise<string[]>
