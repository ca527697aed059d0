// Hosts that show another history later than at first, and honest ones among liars.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import b4a from 'b4a'
import test, { type Test } from 'brittle'
import crypto from 'hypercore-crypto'
import { Client, MivmError, verifyEvidence } from 'mivm'
import { HeadsChannel } from '../src/net/heads-channel.ts'
import { Network } from '../src/net/network.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { topicOf } from '../src/protocol/manifest.ts'
import { Cli } from './cli.ts'
import { tempDir } from './helpers.ts'
import { HostProcess } from './host-process.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'
import {
  audited,
  codes,
  evidenceIn,
  SOURCE,
  scene,
  verdictOf,
  writeReceipt
} from './split-scene.ts'

test('split views - a host that goes back and writes another history is found out by all who knew the first', async (t) => {
  const { dir, host, bootstrap, open } = await scene(t)
  const alice = await open('alice')
  const { link, address } = await alice.deploy({ host: host.id, source: SOURCE })
  const receipts = [path.join(dir, 'alice.receipt'), path.join(dir, 'bob.receipt')] as const
  await writeReceipt(alice, link, receipts[0])
  for (let i = 0; i < 2; i++) await alice.call(link, 'add', [])
  const auditors = ['shorter', 'longer'].map((name) => path.join(dir, name))
  for (const own of auditors) {
    const events = await audited({ address: link, dir: own, bootstrap })
    t.alike([codes(events), verdictOf(events)], [[], 'clean'])
  }
  await alice.close()

  await host.show(1)
  // the copies of a bob who has seen nothing else
  const bob = await open('bob')
  await writeReceipt(bob, link, receipts[1])
  const [shorter = '', longer = ''] = auditors
  const goesBack = await audited({
    address: link,
    dir: shorter,
    bootstrap,
    patience: 2_000,
    evidence: true
  })
  const less = ['HISTORY_TRUNCATED', 'TWO_HISTORIES']
  t.alike(codes(goesBack), less, 'a shorter log, against which there is the copy')
  await bob.close()
  const again = await open('alice')
  const refusal = await again.call(link, 'add', []).catch((error) => error)
  const file = await evidenceIn(path.join(dir, 'alice'), address)
  t.ok(refusal instanceof MivmError && refusal.message.includes(file), String(refusal))
  await again.close()
  const carol = await open('carol')
  for (let i = 0; i < 3; i++) await carol.call(link, 'add', [])
  await carol.close()
  const goesOn = await audited({
    address: link,
    dir: longer,
    bootstrap,
    patience: 2_000,
    evidence: true
  })
  t.ok(codes(goesOn).includes('TWO_HISTORIES'), 'a longer log, that does not go on from the copy')
  for (const own of ['alice', 'shorter', 'longer']) {
    const evidence = await readFile(await evidenceIn(path.join(dir, own), address))
    t.is((await verifyEvidence(evidence, { host: host.id })).code, 'TWO_HISTORIES', own)
  }
  const calls = new Cli(path.join(dir, 'alice'), bootstrap.join(','))
  const { status, stderr } = await calls.run(['call', link, 'add'])
  t.is(status, 1)
  t.ok(stderr.startsWith('mivm: HEAD_CONFLICT: ') && stderr.includes(file), stderr)

  const reader = await new Cli(longer, bootstrap.join(',')).run(['log', link])
  t.is(reader.status, 1, 'who has a copy of the first reads on')
  t.ok(reader.stderr.startsWith('mivm: HEAD_CONFLICT: '), reader.stderr)

  const fresh = new Cli(path.join(dir, 'dave'), bootstrap.join(','))
  const audit = await fresh.run(['audit', link, '--receipt', receipts[0], '--receipt', receipts[1]])
  t.is(audit.status, 1, audit.stderr)
  t.ok(audit.stdout.includes('TWO_HISTORIES call log block 7'), audit.stdout)
  const kept = await evidenceIn(path.join(dir, 'dave'), address)
  t.ok(audit.stderr.includes(`evidence of two histories: ${kept}\n`), audit.stderr)
  const made = path.join(dir, 'made.evidence')
  const together = await fresh.run(['verify', ...receipts, '-o', made])
  t.is(together.status, 0, together.stderr)
  t.ok(together.stdout.startsWith('evidence holds: TWO_HISTORIES\n'), together.stdout)
  t.is((await verifyEvidence(await readFile(made), { host: host.id })).block, 7)
  const alone = await fresh.run(['verify', receipts[0], receipts[0], '-o', `${made}.2`])
  t.alike(
    [alone.status, alone.stdout.split(':')[0]],
    [2, 'nothing in these files contradicts another']
  )
})

test('split views - an honest host is not accused, whatever others do and say', async (t) => {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const start = () => HostProcess.start(t, path.join(dir, 'host'), bootstrap)
  const host = await start()
  const open = async (name: string) => {
    const client = await Client.open({ dir: path.join(dir, name), bootstrap, timeout: 30_000 })
    t.teardown(() => client.close(), { order: 1 })
    return client
  }
  const [alice, bob] = [await open('alice'), await open('bob')]
  const { link, address } = await alice.deploy({ host: host.id, source: SOURCE })
  await bob.call(link, 'add', [])
  const said = await lie(t, bootstrap, decodeId(address))
  // bob holds an old head from now on, and who has it from before does, too
  for (let i = 0; i < 5; i++) await alice.call(link, 'add', [])
  while (said() < 2) await sleep(20)
  await host.kill('SIGKILL')
  const restarted = await start()
  t.is(await alice.call(link, 'add', []), 7)
  for (const own of ['auditor', 'auditor']) {
    const events = await audited({ address: link, dir: path.join(dir, own), bootstrap })
    t.alike([codes(events), verdictOf(events)], [[], 'clean'])
  }
  t.is(await bob.call(link, 'add', []), 8)
  await restarted.kill('SIGTERM')
  for (const own of ['alice', 'bob', 'auditor']) {
    t.absent(existsSync(path.join(dir, own, 'evidence')), own)
  }
})

/** A peer that says what is not so to all who meet; how many it has talked to. */
async function lie(t: Test, bootstrap: readonly string[], address: Uint8Array) {
  const network = new Network(crypto.keyPair(), bootstrap)
  t.teardown(() => network.close(), { order: 1 })
  const topic = topicOf(address)
  const head = { length: 5, fork: 0, treeHash: address, signature: b4a.alloc(68, 1) }
  let heard = 0
  network.onConnection((stream) => {
    const heads = HeadsChannel.open(stream, topic, {
      onOpen: () => {
        heard++
        heads?.sendHead(head)
        heads?.sendHead({ ...head, length: 2 ** 40, fork: 3 })
        heads?.sendAsk([1, 2, 2 ** 50])
        heads?.sendProof(null)
        heads?.sendEvidence(b4a.from('mivm/evidence/1\nno'))
      },
      onHead: () => {},
      onAsk: () => {},
      onProof: () => {},
      onEvidence: () => {},
      onClose: () => {}
    })
  })
  void network.meet(topic)
  return () => heard
}
