// Where the time of a call goes at its caller. The client does not count it for itself: it is watched from outside.
import { Chain } from '../src/client/chain.ts'
import { OwnLog } from '../src/client/own-log.ts'
import { Rpc } from '../src/net/rpc.ts'
import { CALL, type CallReply, type Method } from '../src/protocol/messages.ts'

/** ms of a call, on average; `rpc` is all that it is away, the host's part included. */
export interface ClientStages {
  readonly append: number
  readonly rpc: number
  readonly verify: number
}

interface Sum {
  ms: number
  calls: number
}

const sums: Record<keyof ClientStages, Sum> = {
  append: { ms: 0, calls: 0 },
  rpc: { ms: 0, calls: 0 },
  verify: { ms: 0, calls: 0 }
}

/** Begins to watch, for as long as this process lives. */
export function watchStages(): void {
  const { append } = OwnLog.prototype
  OwnLog.prototype.append = async function (entries) {
    const start = performance.now()
    await append.call(this, entries)
    add('append', start, entries.filter(({ type }) => type === 'call').length)
  }
  const { request } = Rpc.prototype
  Rpc.prototype.request = async function <Request, Reply>(
    this: Rpc,
    method: Method<Request, Reply>,
    ...rest: [request: Request, timeout?: number]
  ): Promise<Reply> {
    const start = performance.now()
    const reply: Reply = await Reflect.apply(request, this, [method, ...rest])
    if (method.name === CALL.name) add('rpc', start, callsIn(reply))
    return reply
  }
  const { extend } = Chain.prototype
  Chain.prototype.extend = function (proof) {
    const start = performance.now()
    const blocks = extend.call(this, proof)
    add('verify', start, blocks.size / 2)
    return blocks
  }
}

/** What was watched since this was last asked. */
export function takeStages(): ClientStages {
  return { append: take('append'), rpc: take('rpc'), verify: take('verify') }
}

/** How many calls a reply answers: of each it shows two blocks. */
function callsIn(reply: unknown): number {
  const { proof }: Partial<CallReply> = Object(reply)
  return (proof?.items ?? []).filter(({ block }) => block !== null).length / 2
}

function add(stage: keyof ClientStages, start: number, calls: number): void {
  const sum = sums[stage]
  sum.ms += (performance.now() - start) * calls
  sum.calls += calls
}

function take(stage: keyof ClientStages): number {
  const { ms, calls } = sums[stage]
  sums[stage] = { ms: 0, calls: 0 }
  return ms / Math.max(1, calls)
}
