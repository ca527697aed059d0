export const REFUSED: { readonly [name: string]: () => unknown }
