import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import test from 'brittle'
import { Cli } from './cli.ts'
import { tempDir } from './helpers.ts'

test('cli - the demo ends with a cheat that is caught, and leaves nothing', async (t) => {
  const before = await demos()
  const cli = new Cli(await tempDir(t), '')
  const { status, stderr, objects } = await cli.json(['demo'])
  t.is(status, 0, stderr)
  const { type, honest, cheat, caught } = objects.at(-1) ?? {}
  t.alike([type, honest, cheat], ['summary', 'clean', 'violation'])
  const { code, seq, differences } = Object(caught)
  t.alike([code, seq], ['RESULT_WRONG', 3])
  t.alike(differences, [{ what: 'value', logged: '7', replayed: '1' }])
  const files = objects.filter((object) => object['type'] === 'file')
  t.alike(
    files.map((file) => [file['path'], file['content']]),
    [
      ['/topics/1/1', 'My name is bob'],
      ['/topics/1/2', 'Hi bob, I am alice'],
      ['/topics/1/title', 'Hello world']
    ]
  )
  t.alike(await demos(), before)
})

async function demos(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('mivm-demo-'))
}
