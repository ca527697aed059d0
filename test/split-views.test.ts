// Hosts that show several people several histories at once, and the people who compare them.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'brittle'
import { type Client, MivmError, verifyEvidence } from 'mivm'
import { Cli } from './cli.ts'
import { auditedAmong, codes, evidenceIn, SOURCE, scene } from './split-scene.ts'

/** How many calls alice and anna, and then bob and ben, make at once: lengths of their heads are 5 + 3 for each. */
const SPLITS: readonly (readonly [
  what: string,
  calls: readonly [number, number, number, number]
])[] = [
  ['of equal length', [1, 1, 1, 1]],
  ['of lengths that never coincide', [2, 2, 1, 2]]
]

for (const [what, [ofAlice, ofAnna, ofBob, ofBen]] of SPLITS) {
  test(`split views - two groups that were shown histories ${what} find out when they meet`, async (t) => {
    const { dir, host, bootstrap, open } = await scene(t)
    const alice = await open('alice')
    const { link, address } = await alice.deploy({ host: host.id, source: SOURCE })
    const anna = await open('anna')
    const call = (client: Client, count: number) =>
      Promise.all(Array.from({ length: count }, () => client.call(link, 'add', [])))
    await call(alice, ofAlice)
    await call(anna, ofAnna)

    await host.show(1)
    const [bob, ben] = [await open('bob'), await open('ben')]
    t.alike(await call(bob, ofBob), [1], 'bob is told that he is the first')
    await call(ben, ofBen)

    for (const [name, client] of Object.entries({ alice, anna, bob, ben })) {
      const file = await evidenceIn(path.join(dir, name), address)
      const { code, host: accused } = await verifyEvidence(await readFile(file))
      t.alike([code, accused], ['TWO_HISTORIES', host.id], name)
      const refusal = await client.call(link, 'add', []).catch((error) => error)
      const isNamed = refusal instanceof MivmError && refusal.message.includes(file)
      t.ok(isNamed && refusal.code === 'HEAD_CONFLICT', String(refusal))
    }
    for (const face of [0, 1] as const) {
      await host.show(face)
      const own = path.join(dir, `auditor ${face}`)
      const events = await auditedAmong({
        address: link,
        dir: own,
        bootstrap,
        patience: 2_000,
        evidence: true
      })
      t.alike(codes(events), ['TWO_HISTORIES'], `an auditor of face ${face}`)
      await verifyEvidence(await readFile(await evidenceIn(own, address)), { host: host.id })
    }
    const file = await evidenceIn(path.join(dir, 'alice'), address)
    const offline = new Cli(path.join(dir, 'nobody'), '127.0.0.1:9')
    const said = await offline.run(['verify', file, '--host', host.id])
    t.ok(said.stdout.startsWith('evidence holds: TWO_HISTORIES\n'), said.stdout + said.stderr)
  })
}
