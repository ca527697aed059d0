export const PRICES: {
  readonly limits: {
    readonly [name in
      | 'allocation'
      | 'buffers'
      | 'text'
      | 'bits'
      | 'nesting'
      | 'arguments'
      | 'boundArguments'
      | 'layers'
      | 'prototypes'
      | 'description']: number
  }
  readonly regexp: Readonly<Record<string, number>> & { readonly STEP: number }
}
