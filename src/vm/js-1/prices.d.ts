export const PRICES: {
<<<<<<< HEAD
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
=======
  readonly limits: Readonly<
    Record<
      | 'allocation'
      | 'arguments'
      | 'bits'
      | 'boundArguments'
      | 'buffers'
      | 'description'
      | 'layers'
      | 'nesting'
      | 'prototypes'
      | 'text',
      number
    >
  >
>>>>>>> main
  readonly regexp: Readonly<Record<string, number>> & { readonly STEP: number }
}
