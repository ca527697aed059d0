/**
 * Node's HTTP. To import it as a module has Node make all that it exports, its WebSocket and what is behind that
 * included: a sixth of what a process of ours takes to begin.
 */
export function http(): typeof import('node:http') {
  return process.getBuiltinModule('node:http')
}
