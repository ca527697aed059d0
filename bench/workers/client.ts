// A caller in a process of its own.
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, type ContractObject } from 'mivm'
import { type ClientStages, takeStages, watchStages } from '../client-stages.ts'
import { atRate, latenciesAtRate, manyAtOnce, type Operation, oneByOne, POST } from '../load.ts'
import { serve } from '../process.ts'
import { largeSource } from '../source.ts'

let client: Client | null = null

const commands = {
  async open(dir: string, bootstrap: readonly string[]): Promise<void> {
    client = await Client.open({ dir, bootstrap })
  },
  /** Deploys one of contracts/; a forum gets a topic. Resolves to the link. */
  async deploy(host: string, contract: string): Promise<string> {
    const source = await readFile(
      new URL(`../../contracts/${contract}.js`, import.meta.url),
      'utf8'
    )
    const { link } = await opened().deploy({ host, source })
    if (contract === 'forum') await method(await opened().connect(link), 'addTopic')('Benchmarks')
    return link
  },
  /** Deploys a contract of so many bytes; how long it took, ms. */
  async deployLarge(host: string, bytes: number, number: number): Promise<number> {
    const source = await largeSource(bytes, number)
    const start = performance.now()
    await opened().deploy({ host, source })
    return performance.now() - start
  },
  /** One call at a time; ms of each. */
  async oneByOne(link: string, count: number): Promise<number[]> {
    return oneByOne(await operation(link), count)
  },
  /** So many calls under way; calls/s. */
  async manyAtOnce(link: string, count: number, inFlight: number): Promise<number> {
    return manyAtOnce(await operation(link), count, inFlight)
  },
  /** So many calls a second; when each was answered. */
  async atRate(link: string, count: number, perSecond: number): Promise<number[]> {
    return atRate(await operation(link), count, perSecond)
  },
  /** So many calls a second; ms of each, from the moment at which it was due. */
  async latenciesAtRate(link: string, count: number, perSecond: number): Promise<number[]> {
    return latenciesAtRate(await operation(link), count, perSecond)
  },
  /** From now on it is noted what calls take here. */
  async watchStages(): Promise<void> {
    watchStages()
  },
  /** What they took since this was last asked. */
  async takeStages(): Promise<ClientStages> {
    return takeStages()
  },
  /** Always so many calls to each of these instances, for so long; how many each has answered. */
  async share(links: readonly string[], inFlight: number, ms: number): Promise<number[]> {
    const operations = await Promise.all(links.map(operation))
    const end = Date.now() + ms
    const answered = links.map(() => 0)
    const caller = async (call: Operation, i: number) => {
      while (Date.now() < end) {
        await call()
        if (Date.now() < end) answered[i] = (answered[i] ?? 0) + 1
      }
    }
    await Promise.all(
      operations.flatMap((call, i) => Array.from({ length: inFlight }, () => caller(call, i)))
    )
    return answered
  },
  /** Calls each of these instances, one call at a time each, for so long; the number of calls. */
  async keepBusy(links: readonly string[], ms: number): Promise<number> {
    const operations = await Promise.all(links.map(operation))
    const end = Date.now() + ms
    let count = 0
    await Promise.all(
      operations.map(async (call) => {
        for (; Date.now() < end; count++) await call()
      })
    )
    return count
  },
  /** So many calls a second, for so long, whatever becomes of them; how many were answered meanwhile. */
  async flood(link: string, perSecond: number, ms: number): Promise<number> {
    const call = await operation(link)
    let answered = 0
    const start = performance.now()
    for (let made = 0, now = 0; now < ms; now = performance.now() - start) {
      for (; made < (now / 1000) * perSecond; made++) {
        call().then(
          () => answered++,
          () => {}
        )
      }
      await sleep(5)
    }
    return answered
  },
  async close(): Promise<void> {
    await client?.close()
  }
}

export type ClientCommands = typeof commands

serve(commands)

/** What is measured of each contract. */
async function operation(link: string): Promise<Operation> {
  const contract = await opened().connect(link)
  if (contract['addPost'] === undefined) return method(contract, 'increment')
  const addPost = method(contract, 'addPost')
  return () => addPost(1, POST)
}

function method(contract: ContractObject, name: string): (...args: unknown[]) => Promise<unknown> {
  const found = contract[name]
  if (found === undefined) throw new Error(`the contract has no method ${name}`)
  return found
}

function opened(): Client {
  if (client === null) throw new Error('the client is not open')
  return client
}
