export const REGEXP_PRICES: Readonly<Record<string, number>> & { readonly STEP: number }
