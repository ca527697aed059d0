/**
 * Why a test that passes in a bare context fails in the VM. In this order: the first that fits is the reason.
 * `causes` are those that the worker found by changing one thing of the VM, `message` is what the test came to.
 */
const REASONS = [
  {
    id: 'code from strings',
    text: '`eval` and the constructors of functions are not there: what runs is what was deployed.',
    message: /eval is not available|code from strings|\beval is not defined/
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
      /_LIMIT\)|OUT_OF_FUEL|CALL_DEPTH|ABORT_|BUFFER_TOO_LARGE|REGEXP_TOO_|what builtins make in one call/
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
    cause: 'floats'
  }
]

/** Tests that none of these explains, by a part of their path, with the reason that holds for them. */
export const NAMED = []

/** `{ id, text }` of the reason for a result, or null where none is known. */
export function reasonOf({ path, vm, causes }) {
  const found = REASONS.find(({ cause, message }) => {
    return cause === undefined ? message.test(vm) : causes.includes(cause)
  })
  if (found !== undefined) return { ...found, isNamed: false }
  const named = NAMED.find(({ parts }) => parts.some((part) => path.includes(part)))
  return named === undefined ? null : { ...named, isNamed: true }
}
