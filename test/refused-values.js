// What has no text form, by the name under which values.json holds the message. JSON cannot write these down.

export const REFUSED = {
  undefined: () => undefined,
  NaN: () => Number.NaN,
  'positive infinity': () => Number.POSITIVE_INFINITY,
  'negative infinity': () => ({ a: [Number.NEGATIVE_INFINITY] }),
  'a function': () => () => 1,
  'a symbol': () => [Symbol('s')],
  'a lone surrogate': () => ({ text: 'a\ud800' }),
  'a lone surrogate in a key': () => ({ 'a\udc00': 1 }),
  'undefined in an object': () => ({ a: { b: undefined } }),
  'undefined in an array': () => [1, undefined],
  'a hole': () => new Array(2),
  'a property of an array': () => Object.assign([1], { extra: 2 }),
  'a symbol of an array': () => Object.assign([1], { [Symbol('s')]: 2 }),
  'a key that is a symbol': () => ({ [Symbol('s')]: 1 }),
  'a key that is no identifier': () => ({ 'a b': [{ 'c.d': undefined }] }),
  'a cycle': () => {
    const object = { list: [] }
    object.list.push(object)
    return object
  },
  'a Date': () => new Date(0),
  'a Map': () => ({ index: new Map() }),
  'a Set': () => new Set(),
  'a RegExp': () => /x/,
  'an Error': () => new Error('x'),
  'a Promise': () => Promise.resolve(1),
  'an ArrayBuffer': () => new ArrayBuffer(1),
  'a Float64Array': () => new Float64Array(1),
  'a boxed number': () => Object(1),
  'an instance of a class': () => {
    class Post {}
    return new Post()
  },
  'an instance of a class without a name': () => new (class {})(),
  'a subclass of Array': () => {
    class List extends Array {}
    return new List()
  },
  'an accessor': () => ({
    get now() {
      return 1
    }
  }),
  'arrays too deep': () => nest([], 128),
  'objects too deep': () => nest({}, 128),
  'a bigint too deep': () => nest(1n, 128),
  'bytes too deep': () => nest(new Uint8Array(), 128)
}

function nest(inner, levels) {
  let value = inner
  for (let i = 0; i < levels; i++) value = [value]
  return value
}
