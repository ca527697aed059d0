export const PRICES: {
  readonly regexp: Readonly<Record<string, number>> & { readonly STEP: number }
}
