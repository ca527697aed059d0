// A host that cheats, an audit that writes evidence, and somebody offline who is convinced by it.
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test, { type Test } from 'brittle'
import { falsify } from '../src/cli/demo-cheat.ts'
import { writeNew } from '../src/cli/proof-file.ts'
import { verifyEvidence } from '../src/index.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { Cli, CONTRACTS, type JsonObject } from './cli.ts'
import { openNetwork } from './cli-network.ts'
import { tempDir } from './helpers.ts'
import { SmallDisk } from './small-disk.ts'

const FORUM = path.join(CONTRACTS, 'forum.js')

test('cli - evidence is there as a whole or not at all, whenever who writes it is ended', async (t) => {
  const dir = await tempDir(t)
  const file = path.join(dir, 'a.evidence')
  const evidence = Buffer.alloc(4 * 1024 * 1024, 7)
  const sizes = new Set<number>()
  let isWritten = false
  const writing = writeNew(file, evidence).finally(() => {
    isWritten = true
  })
  while (!isWritten) {
    const found = await stat(file).catch(() => null)
    if (found !== null) sizes.add(found.size)
    await new Promise(setImmediate)
  }
  await writing
  sizes.add((await stat(file)).size)
  t.alike([...sizes], [evidence.byteLength])
  t.alike(await readdir(dir), ['a.evidence'])
  await t.exception(writeNew(file, evidence), { code: 'EEXIST' })
})

test('cli - audit --report and verify: what convinces others', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const link = (
    await cli.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  ).stdout.trim()
  await cli.run(['call', 'forum', 'addTopic', 'Hello world'])
  await cli.run(['call', 'forum', 'addPost', '1', 'My name is bob'])

  const reports = `${path.join(root, 'reports')}${path.sep}`
  const carol = new Cli(path.join(root, 'carol'), cli.bootstrap)
  const clean = await carol.run(['audit', link, '--report', reports], { alone: true })
  t.is(clean.status, 0, clean.stderr)
  t.alike(await readdir(reports), [], 'nothing of an honest host')
  await host.stop()

  const address = decodeId(link.slice(-52))
  const lie = { address, seq: 3, value: '7' }
  await falsify(path.join(root, 'host', 'host'), path.join(root, 'cheat', 'host'), lie)
  const { host: cheat } = await openNetwork(t, root, 'cheat')
  const dave = new Cli(path.join(root, 'dave'), cheat.bootstrap)
  const audit = await dave.json(['audit', link, '--report', reports])
  t.is(audit.status, 1, audit.stderr)
  t.is(audit.objects.at(-1)?.['type'], 'verdict')
  const written = audit.objects.filter(({ type }) => type === 'evidence')
  t.is(written.length, Number(audit.objects.at(-1)?.['findings']))
  const files = ({ objects }: { readonly objects: readonly JsonObject[] }) =>
    objects.filter(({ type }) => type === 'evidence').map(({ file }) => file)
  const again = await dave.json(['audit', link, '--report', reports])
  t.alike(files(again), files(audit), 'the same is not written twice')
  const single = path.join(root, 'single')
  const text = await dave.run(['audit', link, '--report', single])
  t.ok(text.stdout.includes(`\nevidence of ${written[0]?.['code']}: ${single}\n`), text.stdout)
  const kept = path.join(root, 'kept')
  await writeFile(kept, 'evidence of another cheat')
  const beside = await dave.json(['audit', link, '--report', kept])
  t.is(files(beside)[0], `${kept}.2`)
  t.is(await readFile(kept, 'utf8'), 'evidence of another cheat', 'it may be all that is left')
  await refuseReports(t, root, dave, link)
  await cheat.stop()

  const offline = new Cli(path.join(root, 'nobody'), '127.0.0.1:9')
  for (const { code, file } of written) {
    const { status, stdout, stderr } = await offline.run([
      'verify',
      String(file),
      '--host',
      host.id
    ])
    t.is(status, 0, stderr)
    t.ok(stdout.startsWith(`evidence holds: ${code}\nthe host ${host.id}\n`), stdout)
  }
  const wrong = written.find(({ code }) => code === 'RESULT_WRONG')
  const file = String(wrong?.['file'])
  const said = await offline.run(['verify', file], { alone: true })
  t.ok(said.stdout.includes('\n  value: the host has signed 7, replay gives 1\n'), said.stdout)
  const { objects } = await offline.json(['verify', file])
  t.alike(
    [objects[0]?.['holds'], objects[0]?.['kind'], objects[0]?.['code'], objects[0]?.['seq']],
    [true, 'evidence', 'RESULT_WRONG', 3]
  )
  const bytes = await readFile(file)
  t.is((await verifyEvidence(bytes, { host: host.id })).block, objects[0]?.['block'])

  const other = await offline.run(['verify', file, '--host', link.slice(-52)])
  t.alike(other, {
    status: 1,
    stdout: '',
    stderr: `mivm: PROOF_INVALID: not valid evidence: it is about the host ${host.id}\n`
  })
  bytes[bytes.byteLength - 20] = (bytes[bytes.byteLength - 20] ?? 0) ^ 1
  await writeFile(file, bytes)
  const altered = await offline.run(['verify', file])
  t.is(altered.status, 1)
  t.ok(/^mivm: PROOF_INVALID: [^\n]+\n$/.test(altered.stderr), altered.stderr)
})

/** Where a report cannot be written the audit is not begun, or comes to its verdict all the same. */
async function refuseReports(t: Test, root: string, cli: Cli, link: string) {
  const long = await cli.run(['audit', link, '--report', path.join(root, 'x'.repeat(300))])
  t.alike([long.status, long.stdout], [69, ''])
  t.ok(long.stderr.startsWith('mivm: STORAGE_FAILED: '), long.stderr)
  const disk = SmallDisk.mount(t, path.join(root, 'disk'), 1)
  if (disk === null) return
  const report = `${path.join(disk.dir, 'reports')}${path.sep}`
  await disk.fill()
  const full = await cli.json(['audit', link, '--report', report])
  t.is(full.status, 1, full.stderr)
  t.is(full.objects.at(-1)?.['verdict'], 'violation')
  const [lacking] = full.objects.filter(({ type }) => type === 'evidence')
  t.is(lacking?.['file'], null)
  t.ok(/^the disk is full .*: make room/.test(String(lacking?.['message'])), full.stderr)
  disk.protect(true)
  const refused = await cli.run(['audit', link, '--report', report])
  t.alike([refused.status, refused.stdout], [69, ''], refused.stderr)
}
