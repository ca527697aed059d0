import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import test from 'brittle'
import { Output } from '../src/cli/output.ts'
import { Console } from '../src/cli/repl.ts'
import { callPromise, contractObject } from '../src/client/contract.ts'
import { Client } from '../src/index.ts'
import { ContractError, codeOf } from '../src/protocol/errors.ts'
import { CONTRACTS } from './cli.ts'
import { openNetwork } from './cli-network.ts'
import { tempDir } from './helpers.ts'

const FORUM = path.join(CONTRACTS, 'forum.js')

test('cli - repl executes what comes through a pipe, line by line', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  await cli.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  const input = `const topic = await addTopic('Hello')
addPost(topic,
  'from a pipe')
await state.readdir('/topics')
addPost()
nonsense
contract.addPost(1, 'x') instanceof Promise
addPost(
`
  const { status, stdout, stderr } = await cli.run(['repl', 'forum'], { input })
  t.is(status, 0)
  t.is(stdout, "1\n[ '1' ]\ntrue\n")
  const [thrown = '', uncaught, open, ...more] = stderr.trim().split('\n')
  t.ok(/^Error: .*EINVAL/.test(thrown), thrown)
  t.is(uncaught, 'Uncaught ReferenceError: nonsense is not defined')
  t.is(open, 'Uncaught SyntaxError: Unexpected end of input', 'what is cut off is not left out')
  t.alike(more, [])
  const { objects } = await cli.json(['repl', 'forum'], { input: '({ a: 1 })\n' })
  t.alike(objects, [
    { type: 'value', value: { a: 1 } },
    { type: 'summary', lines: 1 }
  ])
})

test('cli - repl has a line of a pipe done before the next one, whatever it awaits', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  await cli.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  const input = `void addTopic('a').then((id) => addPost(id, 'first')).then((post) => console.log('post', post))
'second'
void contract.addTopic('b').then((id) => console.log('topic', id))
addPost()
'third'
`
  const { status, stdout } = await cli.run(['repl', 'forum'], { input })
  t.is(status, 0)
  t.is(stdout, "post 1\n'second'\ntopic 2\n'third'\n")
  const { objects } = await cli.json(['repl', 'forum'], {
    input: 'addPost()\nnonsense\n3\n'
  })
  const [thrown, uncaught, ...more] = objects
  t.is(thrown?.['type'], 'error', 'errors are in their places among the values')
  t.alike(uncaught, {
    type: 'error',
    error: { name: 'ReferenceError', message: 'nonsense is not defined', code: null }
  })
  t.alike(more, [
    { type: 'value', value: 3 },
    { type: 'summary', lines: 3 }
  ])
  const lines = ['4', 'addTopic(', '"caf\ufffd"', ')', 'contract.addTopic("c")', '5\n']
  const latin = await cli.run(['repl', 'forum'], { input: lines.join('\n') })
  t.is(latin.status, 64)
  t.is(latin.stdout, '4\n', 'nothing of it is called, nor what would be left of it')
  t.ok(/^mivm: VALUE_MALFORMED: line 3: has U\+FFFD, [^\n]*\n$/.test(latin.stderr), latin.stderr)
})

test('cli - repl says what is thrown behind the last line of a pipe, too, and ends as ever', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  await cli.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  const input = `const later = (ms, what) => void setTimeout(() => { throw new Error(what) }, ms)
later(10, 'one'), later(100, 'two')
await new Promise((resolve) => setTimeout(resolve, 200))
`
  const { status, stderr } = await cli.run(['repl', 'forum'], { input })
  t.is(status, 0)
  t.is(stderr, 'Uncaught Error: one\nUncaught Error: two\n')
})

test('cli - repl shows nothing of others that turns a terminal into something else', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const file = path.join(root, 'rude.js')
  await writeFile(file, `exports.rude = () => { throw new Error('\\u001b]0;gone\\u0007') }\n`)
  await cli.run(['deploy', file, '--host', host.id, '--name', 'rude'])
  const input = `await rude().catch((error) => error)
await rude().catch(({ message }) => { throw new TypeError(message) })
['one\\ntwo', 3]
`
  const { status, stdout, stderr } = await cli.run(['repl', 'rude'], { input })
  t.is(status, 0)
  t.absent(/[^\P{Cc}\n]/u.test(stdout + stderr), JSON.stringify(stdout + stderr))
  t.ok(stdout.includes('Error: \\x1b]0;gone\\x07\n'), stdout)
  t.ok(stdout.endsWith("[ 'one\\ntwo', 3 ]\n"), stdout)
  t.is(stderr, 'Uncaught TypeError: \\x1b]0;gone\\x07\n')
})

test('cli - repl completes the names of methods', async (t) => {
  const dir = await tempDir(t)
  const { host, cli } = await openNetwork(t, dir)
  const source = `exports.addPost = (x) => x + 1
    exports.console = () => 'shadowed'\n`
  const client = await Client.open({
    dir: path.join(dir, 'client'),
    bootstrap: cli.bootstrap.split(',')
  })
  t.teardown(() => client.close())
  const { link } = await client.deploy({ host: host.id, source })
  const contract = await client.connect(link)
  const state = client.state(link)
  const { console } = globalThis
  const prompt = new Console({
    contract,
    state,
    output: new Output(true),
    terminal: false,
    name: ''
  })
  t.teardown(() => prompt.close())

  const completed = await new Promise<unknown>((resolve) => {
    prompt.server.completer('addP', (_: unknown, completions: unknown) => resolve(completions))
  })
  t.alike(completed, [['addPost'], 'addP'])
  t.is(globalThis.console, console, 'the language keeps its own names')
})

test('cli - repl says what a call came to that ends when the prompt was left', async (t) => {
  const notes: string[] = []
  class Notes extends Output {
    override note(text: string): void {
      notes.push(text)
    }
    override object(): void {}
  }
  const late = Promise.withResolvers<never>()
  const never = () => new Promise<never>(() => {})
  const client = await Client.open({ dir: await tempDir(t), bootstrap: ['127.0.0.1:9'] })
  t.teardown(() => client.close())
  const prompt = new Console({
    contract: contractObject(['late'], () => callPromise(late.promise, never, never)),
    state: client.state('y'.repeat(52)),
    output: new Notes(true),
    terminal: false,
    name: ''
  })
  prompt.server.eval('late("caf\ufffd")\n', prompt.server.context, 'typed', (error) =>
    t.is(codeOf(error), 'VALUE_MALFORMED')
  )
  void prompt.line('late()')
  await setImmediate()
  prompt.close()
  await setImmediate()
  late.reject(new ContractError('Error', 'too late', 'LATE', false))
  await prompt.closed
  t.alike(notes, ['Error: too late (LATE)'])
})
