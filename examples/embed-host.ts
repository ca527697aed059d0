// A program with a host in it, and a client of that host beside it. It brings a network of its own, on this machine:
//
//   node --conditions=mivm-source examples/embed-host.ts
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Client, Host, openLocal } from 'mivm'

const source = await readFile(new URL('../contracts/counter.js', import.meta.url), 'utf8')
const dir = await mkdtemp(path.join(tmpdir(), 'mivm-'))
const network = await openLocal(0)
const { bootstrap } = network

const host = await Host.open({
  dir: path.join(dir, 'host'),
  bootstrap,
  onEvent: (event) => console.log(`host: ${event.type}`)
})
const client = await Client.open({ dir: path.join(dir, 'user'), bootstrap })

const { address } = await client.deploy({ host: host.id, source })
const counts = await Promise.all([1, 2, 3].map((by) => client.call(address, 'increment', [by])))
console.log('counts:', counts.join(', '))
console.log('in the archive:', await client.state(address).readFile('/.mivm/exports/count.json'))

await client.close()
await host.close()
await network.close()
await rm(dir, { recursive: true })
