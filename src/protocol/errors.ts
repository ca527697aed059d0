/**
 * The one error class, and every code it can carry. A message is one line and ends with what to do next;
 * the class of a code decides the exit code of the command line.
 */
const CODES = {
  // what the user asked for cannot be: exit 64
  USAGE: 64,
  CONFIG_INVALID: 64,
  KEY_INVALID: 64,
  LINK_INVALID: 64,
  IDENTITY_UNKNOWN: 64,
  IDENTITY_EXISTS: 64,
  VALUE_UNSUPPORTED: 64,
  VALUE_MALFORMED: 64,
  VALUE_TOO_DEEP: 64,
  ARGS_TOO_LARGE: 64,
  METHOD_UNKNOWN: 64,
  METHOD_FORBIDDEN: 64,
  FILE_UNKNOWN: 64,
  COMMIT_UNKNOWN: 64,
  CODE_TOO_LARGE: 64,
  CODE_SYNTAX: 64,
  CODE_NO_EXPORTS: 64,
  CODE_UNAVAILABLE: 64,
  IMPORT_UNKNOWN: 64,
  DEPLOY_DENIED: 64,
  LIMIT_INVALID: 64,
  ORACLE_INVALID: 64,
  CALL_UNKNOWN: 64,
  PROOF_UNKNOWN: 64,
  PROOF_TOO_LARGE: 64,
  BACKUP_UNKNOWN: 64,
  // the other side, the network or the disk is not there, or refuses: exit 69
  HOST_UNKNOWN: 69,
  HOST_CLOSED: 69,
  INSTANCE_UNKNOWN: 69,
  INSTANCE_DAMAGED: 69,
  INSTANCE_SET_BACK: 69,
  DIRECTORY_LOCKED: 69,
  DIRECTORY_DAMAGED: 69,
  STORAGE_FULL: 69,
  STORAGE_FAILED: 69,
  TIMEOUT: 69,
  CONNECTION_LOST: 69,
  REQUEST_INVALID: 69,
  QUOTA_EXCEEDED: 69,
  NODE_MISSING: 69,
  ENGINE_FAILED: 69,
  SANDBOX_UNAVAILABLE: 69,
  ADDRESS_UNAVAILABLE: 69,
  VM_UNKNOWN: 69,
  USER_LOG_FORKED: 69,
  CALL_PENDING: 69,
  // a contract has thrown: exit 1, as of a call
  CODE_THROWS: 1,
  DEPLOY_FAILED: 1,
  // somebody signed what cannot be: exit 1
  PROOF_INVALID: 1,
  HEAD_CONFLICT: 1,
  ENTRY_MALFORMED: 1,
  // nothing can be said
  ENTRY_VERSION: 2,
  PROOF_VERSION: 2,
  PROOF_DAMAGED: 2,
  BACKUP_VERSION: 2,
  BACKUP_DAMAGED: 2,
  NOT_REPRODUCED: 2,
  // ours: exit 70
  INTERNAL: 70
} as const

export type ErrorCode = keyof typeof CODES

export class MivmError extends Error {
  override readonly name = 'MivmError'
  readonly code: ErrorCode
  /** When it may go well, ms from now; null where that is not known. */
  readonly retryAfter: number | null
  /** How many calls it may be at once then; null where that is not known. */
  readonly room: number | null

  constructor(
    code: ErrorCode,
    message: string,
    options: ErrorOptions & { readonly retryAfter?: number; readonly room?: number } = {}
  ) {
    super(message, options)
    this.code = code
    this.retryAfter = options.retryAfter ?? null
    this.room = options.room ?? null
  }

  /** The exit code of a command that ends with this error. */
  get exitCode(): number {
    return CODES[this.code]
  }
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(CODES, code)
}

/**
 * A call that the contract ended with an error, or that the host aborted: what was thrown, as the result
 * entry records it. `code` is the thrown error's own, or that of a limit.
 */
export class ContractError extends Error {
  readonly code: string | null
  /** True where the host ended the call (time, memory): its word only, no replay can check it. */
  readonly aborted: boolean

  constructor(name: string, message: string, code: string | null, aborted: boolean) {
    super(message)
    this.name = name
    this.code = code
    this.aborted = aborted
  }
}

/** What somebody may read of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The code of an error, ours or that of the system; null where it has none. */
export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error ? String(error.code) : null
}
