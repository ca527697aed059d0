// Requests and replies on one stream.
import { setTimeout as sleep } from 'node:timers/promises'
import SecretStream from '@hyperswarm/secret-stream'
import test from 'brittle'
import Protomux from 'protomux'
import { Rpc } from '../src/net/rpc.ts'

test('rpc - what is held back is made when the peer has read, however little it was to leave', async (t) => {
  const [near, far] = [new SecretStream(true), new SecretStream(false)]
  for (const stream of [near, far]) stream.on('error', () => {})
  const [there, here] = [far.rawStream, near.rawStream]
  if (there === null || here === null) throw new Error('no stream')
  here.pipe(there).pipe(here)
  t.teardown(() => [near, far].map((stream) => stream.destroy()))
  await Promise.all([near.opened, far.opened])
  far.on('data', () => {})
  const rpc = new Rpc(Protomux.from(near))
  while (rpc.unread > 0) await sleep(1)

  const reads = Promise.withResolvers<void>()
  const write = near._write.bind(near)
  near._write = async (data, done) => {
    await reads.promise
    write(data, done)
  }
  for (let i = 0; i < 4; i++) near.write(new Uint8Array(3_000))
  await sleep(1)
  t.ok(rpc.unread > 5_000)
  const readable = rpc.readable(5_000)
  reads.resolve()
  await readable
  t.pass('who is not full does not say when it is empty')
})
