/**
 * Why a test that passes in a bare context fails in the VM. In this order: the first that fits is the reason.
 * `causes` are those that the worker found by changing one thing of the VM, `message` is what the test came to.
 */
const REASONS = [
  {
    id: 'code from strings',
    text: '`eval` and the constructors of functions are not there: what runs is what was deployed.',
    message: /eval is not available|code from strings|\beval is not defined|could not obtain %/,
    path: /^built-ins\/(?:Function\/(?!prototype\/)|Function\/prototype\/(?:call|apply)\/S15)/
  },
  {
    id: 'detached buffers',
    text: 'No buffer can be detached, transferred or resized: there is nothing to do it with.',
    message: /no buffer can be detached/,
    path: /detach/i
  },
  {
    id: 'script',
    text: 'The test is a script: its `this`, its variables on the global object, or names such as `state` and `exports`. A contract is the body of a function. Fails in a function without the VM, too.',
    cause: 'body'
  },
  {
    id: 'await using',
    text: '`await using` is refused; `using` is there.',
    message: /await using is not available/
  },
  {
    id: 'limit',
    text: 'Needs more of something than one call may use (mostly fuel or depth); passes where the limit is lifted.',
    cause: 'limit'
  },
  {
    id: 'limit for good',
    text: 'Needs more than a builtin ever makes (a string, an array, a buffer or a regular expression), or more depth or fuel than there is when limits are lifted.',
    message:
      /_LIMIT\)|OUT_OF_FUEL|CALL_DEPTH|ABORT_|BUFFER_TOO_LARGE|REGEXP_TOO_|what builtins make in one call|Expected a TypeError but got a RangeError|CODE_TOO_LARGE/
  },
  {
    id: 'frozen',
    text: 'Changes an intrinsic, adds to the global object, or wants it to be writable and configurable (`verifyProperty` tries, and checks the rest of the property as well). Passes where intrinsics are not frozen.',
    cause: 'frozen'
  },
  {
    id: 'frozen, and the builtins count on it',
    text: "Changes an intrinsic, which throws. Where intrinsics are not frozen it fails too: builtins of the VM read and write on behalf of V8's, as nothing can tell while all prototypes are as they were.",
    message:
      /Cannot (?:assign|add|define|delete|redefine|create) property|object is not extensible|read only property|Cannot set property .* which has only a getter|(?:writable|configurable|enumerable):(?:true|false)|to be (?:writable|configurable)|should be (?:writable|configurable)|Cannot (?:assign|add|define|delete) |is read-only/
  },
  {
    id: 'floats',
    text: 'A view of a buffer as floats: NaN has bits. Passes for all integer arrays.',
    cause: 'floats',
    message: /its buffer is not available|a view of a buffer is not available/
  }
]

/** Tests that none of these explains, by a part of their path, with the reason that holds for them. */
const NAMED = [
  {
    id: 'scope of parameters',
    text: 'Parameters with defaults are evaluated in the body, where they are counted: a closure in a default sees a `var` of the body with the same name.',
    parts: [
      'scope-param',
      'paramsbody',
      'scope-body',
      'params-dflt',
      'dflt-params',
      'eval-var-scope'
    ]
  },
  {
    id: 'when a key is converted',
    text: 'The key of `object[key]` is converted to a property key, which is paid for, before the object is looked at or the right side is evaluated; ECMAScript does it last. Seen by a `toString` of the key with side effects, where the object is null or the order is noted.',
    parts: [
      'target-super-computed-reference',
      'target-member-computed-reference',
      '-property-reference-target-evaluation-order',
      'prop-expr-uninitialized-this',
      'super/prop-expr-',
      'member-expression/computed-reference-null-or-undefined',
      'assignment-operator-lhs-before-rhs',
      'delete/super-property-topropertykey'
    ],
    place: /S11\.(?:3|4|13)\.\d+_A\d+(?:\.\d+)?_T\d/
  },
  {
    id: 'arguments of iterators',
    text: 'What `yield*` and `for await` delegate to is called with one argument, undefined, also where ECMAScript gives none: only `arguments.length` tells.',
    parts: ['absent-value-not-passed', 'star-rhs-iter-thrw-violation-rtrn-invoke']
  },
  {
    id: 'order of checks',
    text: 'A constructor of an array of floats refuses its buffer, and that one and DataView read the prototype of `new.target`, before they find other faults.',
    parts: [
      'throw-type-error-before-custom-proto-access',
      'byteoffset-throws-from-modulo',
      'byteOffset-validated-against-initial-buffer-length'
    ]
  },
  {
    id: 'prototypes of bound functions',
    text: 'A bound function has no `prototype` that a class would take: not by a getter, and not as the `new.target` of another class. V8 would look through any number of them without fuel.',
    parts: [
      'custom-proto-access-throws',
      'prototype-from-newtarget',
      'ArrayBuffer/data-allocation-after-object-creation',
      'Promise/get-prototype-abrupt',
      'class/definition/prototype-getter'
    ]
  },
  {
    id: 'text of functions',
    text: '`Function.prototype.toString` gives `function () { [native code] }` for every function of a contract: its text has been rewritten.',
    parts: ['Function/prototype/toString/', 'hashbang/function-constructor']
  },
  {
    id: 'registered symbols',
    text: "`Symbol.for` gives symbols that live as long as the call, and a WeakMap or WeakSet takes them: V8's own registry would remember them for ever.",
    parts: ['cannot-be-held-weakly']
  },
  {
    id: 'species of buffers',
    text: '`ArrayBuffer.prototype.slice` gives a plain ArrayBuffer, whatever the species: another constructor would make what nobody pays for.',
    parts: ['ArrayBuffer/prototype/slice/', 'builtin-objects/ArrayBuffer/']
  }
]

/** `{ id, text }` of the reason for a result, or null where none is known. */
export function reasonOf({ path, vm, causes }) {
  const found = REASONS.find(({ cause, message, path: place }) => {
    const isCause = cause !== undefined && causes.includes(cause)
    return isCause || message?.test(vm) === true || place?.test(path) === true
  })
  if (found !== undefined) return { ...found, isNamed: false }
  const named = NAMED.find(({ parts, place }) => {
    return parts.some((part) => path.includes(part)) || place?.test(path) === true
  })
  return named === undefined ? null : { ...named, isNamed: true }
}
