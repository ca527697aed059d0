export const PRICES: {
  readonly builtins: Readonly<
    Record<
      | 'arrayTable'
      | 'call'
      | 'converted'
      | 'jsonTagged'
      | 'keyWrite'
      | 'kind'
      | 'kindMissed'
      | 'numberMade'
      | 'object'
      | 'proxy'
      | 'then'
      | 'view',
      number
    >
  >
  readonly state: Readonly<Record<'shown', number>>
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
  readonly regexp: Readonly<Record<string, number>> & { readonly STEP: number }
}
