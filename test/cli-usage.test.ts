// What needs no host: help, usage errors, identities, settings.
import { spawnSync } from 'node:child_process'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import path from 'node:path'
import test from 'brittle'
import { printableLines } from '../src/cli/output.ts'
import { formatValue, inspectValue, parseArgument } from '../src/cli/text.ts'
import { Cli, CONTRACTS } from './cli.ts'
import { tempDir } from './helpers.ts'

const COMMANDS = [
  ['demo'],
  ['host'],
  ['deploy'],
  ['call'],
  ['deliver'],
  ['repl'],
  ['log'],
  ['state'],
  ['state', 'ls'],
  ['state', 'cat'],
  ['state', 'export'],
  ['audit'],
  ['trace'],
  ['prove'],
  ['verify'],
  ['key'],
  ['key', 'new'],
  ['key', 'ls'],
  ['key', 'show'],
  ['key', 'use'],
  ['key', 'export'],
  ['key', 'import'],
  ['name'],
  ['ls'],
  ['status'],
  ['backup'],
  ['restore'],
  ['doctor'],
  ['help']
]

const TESTS = import.meta.dirname
const PROGRAM = path.join(TESTS, '../src/cli/program.ts')

/** Of so many commands one has a process to itself; what is wrong with them is found in the same way. */
const ALONE = 20

/** Ends a command at once where it would reach for a network. */
const NOWHERE = '127.0.0.1:9'

test('cli - every command shows an example of itself', async (t) => {
  const cli = new Cli(await tempDir(t), NOWHERE)
  for (const words of COMMANDS) {
    const { status, stdout } = await cli.run([...words, '--help'])
    t.is(status, 0, words.join(' '))
    t.ok(stdout.includes(`$ mivm ${words.join(' ')}`), words.join(' '))
    t.ok(stdout.includes('--json'), 'and the options that all share')
    t.absent(stdout.includes('default: []'), 'and nothing of how they are kept')
  }
})

test('cli - help of a command, however deep, is what it says itself', async (t) => {
  const cli = new Cli(await tempDir(t), NOWHERE)
  for (const words of [['log'], ['state'], ['state', 'ls']]) {
    const { stdout } = await cli.run([...words, '--help'])
    t.alike(await cli.run(['help', ...words]), { status: 0, stdout, stderr: '' }, words.join(' '))
  }
})

test('cli - the version, and help, is an object for who reads objects', async (t) => {
  const cli = new Cli(await tempDir(t), NOWHERE)
  const { stdout } = await cli.run(['--version'], { alone: true })
  const { objects } = await cli.json(['--version'])
  t.alike(objects, [{ type: 'summary', version: stdout.trim() }])
  const help = await cli.run(['help', 'state', 'ls'])
  for (const words of [
    ['help', 'state', 'ls'],
    ['state', 'ls', '--help']
  ]) {
    const said = await cli.json(words)
    t.is(said.status, 0)
    t.alike(said.objects, [{ type: 'summary', help: help.stdout }], 'and so is help')
  }
})

test('cli - the list of commands is the help without a command', async (t) => {
  const cli = new Cli(await tempDir(t), NOWHERE)
  const { status, stdout } = await cli.run(['--help'], { alone: true })
  t.is(status, 0)
  for (const [name = ''] of COMMANDS) t.ok(stdout.includes(`\n  ${name} `), name)
})

const USAGE: [words: string[], stderr: string][] = [
  [
    ['deploy', path.join(CONTRACTS, 'forum.js'), '--host', ''],
    'mivm: USAGE: --host is empty: give the id of a host, or leave it out\n'
  ],
  [
    ['call', 'y'.repeat(52), 'x', '['.repeat(20_000) + ']'.repeat(20_000)],
    'mivm: VALUE_TOO_DEEP: argument: nested deeper than 128 levels; flatten it\n'
  ],
  [['deploy', TESTS], `mivm: FILE_UNKNOWN: ${TESTS} is a directory: give a file\n`],
  [['verify', TESTS], `mivm: FILE_UNKNOWN: ${TESTS} is a directory: give a file\n`],
  [['key', 'import', 'x', TESTS], `mivm: FILE_UNKNOWN: ${TESTS} is a directory: give a file\n`],
  [
    ['call', 'y'.repeat(52), 'x', '--receipt', TESTS],
    `mivm: FILE_UNKNOWN: ${TESTS} is a directory: give a file\n`
  ],
  [
    ['call', 'y'.repeat(52), 'x', '--receipt', PROGRAM],
    `mivm: USAGE: ${PROGRAM} is there already: choose another name, or remove it\n`
  ],
  [
    ['prove', 'y'.repeat(52), '3', '-o', PROGRAM],
    `mivm: USAGE: ${PROGRAM} is there already: choose another name, or remove it\n`
  ],
  [
    ['verify', 'a.receipt', 'b.receipt', '-o', PROGRAM],
    `mivm: USAGE: ${PROGRAM} is there already: choose another name, or remove it\n`
  ],
  [
    ['prove', 'y'.repeat(52), '3', '-o', TESTS],
    `mivm: FILE_UNKNOWN: ${TESTS} is a directory: give a file\n`
  ],
  [
    ['verify', 'a.receipt', 'b.receipt', '-o', TESTS],
    `mivm: FILE_UNKNOWN: ${TESTS} is a directory: give a file\n`
  ],
  [
    ['key', 'new', 'x'.repeat(3000)],
    `mivm: USAGE: "${'x'.repeat(80)}" is no name for an identity: use up to 64 letters, digits, - and _, not - or _ first\n`
  ],
  [['cal'], "mivm: USAGE: unknown command 'cal': did you mean call?\n"],
  [['key', 'lss'], "mivm: USAGE: unknown command 'lss': did you mean ls?\n"],
  [['help', 'cal'], `mivm: USAGE: unknown command 'cal': did you mean "call"?\n`],
  [['help', 'state', 'nosuch'], "mivm: USAGE: unknown command 'nosuch': see --help\n"],
  [['key', 'help', 'nosuch'], "mivm: USAGE: unknown command 'nosuch': see --help\n"],
  [['cal', 'forum', 'state', 'name'], `mivm: USAGE: unknown command 'cal': did you mean "call"?\n`],
  [
    ['call', 'forum', 'addPost', '1', '- a line of a list'],
    "mivm: USAGE: unknown option '- a line of a list': see --help, or put -- before what is an argument\n"
  ],
  [['ls', '--jso'], "mivm: USAGE: unknown option '--jso': did you mean --json?\n"],
  [
    ['host', '--sandbox', 'some'],
    "mivm: USAGE: option '--sandbox <mode>' argument 'some' is invalid. Allowed choices are auto, none: see --help\n"
  ],
  [
    ['ls', 'a', 'b'],
    "mivm: USAGE: too many arguments for 'ls'. Expected 0 arguments but got 2: a, b: see --help\n"
  ],
  [
    ['verify', 'a.receipt', '-o', 'out'],
    'mivm: USAGE: -o is for what two files come to: give another one as well\n'
  ],
  [['call', 'forum'], "mivm: USAGE: missing required argument 'method': see --help\n"],
  [['--local=x', 'ls'], 'mivm: USAGE: --local=x is not a port: give a number up to 65535\n'],
  [
    ['status', '--bootstrap', 'here', 'y'.repeat(52)],
    'mivm: USAGE: "here" is not a bootstrap node: expected host:port\n'
  ],
  [
    ['status', '--bootstrap', ',', 'y'.repeat(52)],
    'mivm: USAGE: --bootstrap, or MIVM_BOOTSTRAP, names no node: give host:port, or leave it out\n'
  ],
  [['restore', '/no/such'], 'mivm: FILE_UNKNOWN: there is no file /no/such: check the path\n'],
  [
    ['log', 'forum', '--from', '0'],
    'mivm: USAGE: --from 0 is not the number of a call: they count from 1\n'
  ],
  [['host', '--patience', '0'], 'mivm: USAGE: --patience 0 is not a whole number from 1 to 100\n'],
  [
    ['host', '--metrics', 'x:y'],
    'mivm: USAGE: --metrics x:y is not a port, nor an address and a port\n'
  ],
  [
    ['status', 'y'.repeat(52), '--host', 'y'.repeat(52)],
    'mivm: USAGE: the host is given twice: leave --host out\n'
  ],
  [
    ['ls', '--local', '--bootstrap', '127.0.0.1:9'],
    'mivm: USAGE: --local and --bootstrap are two networks: give one of them\n'
  ],
  [['prove', 'forum', '0x3'], 'mivm: USAGE: 0x3 is not the number of a call: they count from 1\n'],
  [
    ['host', '--mirror-max', '1M'],
    'mivm: USAGE: --mirror-max is for --mirror: say what to keep copies of as well\n'
  ],
  [['host', '--engines', 'x'], 'mivm: USAGE: --engines x is not a whole number from 1 to 1024\n'],
  [
    ['call', 'forum', 'x', '--timeout', '-1'],
    'mivm: USAGE: --timeout -1 is not a number of seconds above 0\n'
  ],
  [
    ['deploy', 'x.js', '--salt', 'abc'],
    'mivm: USAGE: --salt abc is not 32 bytes: give 64 hex digits\n'
  ],
  [
    ['deploy', 'x.js', '--name', 'a/b'],
    'mivm: USAGE: "a/b" is no name for an instance: use up to 40 letters, digits, - and _, a letter first\n'
  ],
  [
    ['deploy', '/dev/zero'],
    'mivm: CODE_TOO_LARGE: /dev/zero has more than 16777216 bytes, and a contract 1048576 at most: give the file of a contract\n'
  ],
  [
    ['key', 'import', 'bob', '/dev/zero'],
    'mivm: KEY_INVALID: this is no identity: give what "mivm key export" has printed\n'
  ],
  [['host', '--config', '/dev/zero'], 'mivm: CONFIG_INVALID: /dev/zero: cannot be read ('],
  [['--dir', '', 'key', 'ls'], 'mivm: USAGE: --dir, or MIVM_DIR, is empty: give a path\n'],
  [
    ['key', 'new', 'x'.repeat(65)],
    `mivm: USAGE: "${'x'.repeat(65)}" is no name for an identity: use up to 64 letters, digits, - and _, not - or _ first\n`
  ],
  [['deploy', 'no-such.js'], 'mivm: FILE_UNKNOWN: there is no file no-such.js: check the path\n'],
  [
    ['call', 'forum', 'x', '{"$bytes":1}'],
    'mivm: VALUE_MALFORMED: argument: not the text form of a value: $bytes is not followed by base64 with padding\n'
  ],
  [
    ['call', 'forum', 'x', '[1, -12345678901234567891]'],
    'mivm: VALUE_MALFORMED: argument: no number is exactly -12345678901234567891: write {"$bigint":"-12345678901234567891"}, or text in quotes\n'
  ],
  [
    ['call', 'forum', 'x', 'caf\ufffd'],
    'mivm: VALUE_MALFORMED: argument: has U+FFFD, as bytes become that are not UTF-8: convert them, or write "\\ufffd" where that character is meant\n'
  ],
  [
    ['call', 'forum', 'x', '"caf\\ufffd"'],
    'mivm: LINK_INVALID: there is no instance named "forum": see "mivm ls", or give its link\n'
  ],
  [
    ['call', 'forum', 'x', '[9007199254740991, 10000000000000000000000, 0.1]'],
    'mivm: LINK_INVALID: there is no instance named "forum": see "mivm ls", or give its link\n'
  ],
  [
    ['call', 'forum', 'x'],
    'mivm: LINK_INVALID: there is no instance named "forum": see "mivm ls", or give its link\n'
  ],
  [
    ['audit', 'mivm://nobody'],
    'mivm: LINK_INVALID: "mivm://nobody" is not a link: expected mivm://<host>/<address>\n'
  ],
  [
    ['audit', 'forum', '--follow', '--webhook', 'example.org/hook'],
    'mivm: USAGE: --webhook example.org/hook is no URL: give http://… or https://…\n'
  ],
  [
    ['audit', 'y'.repeat(52), '--report', ''],
    'mivm: USAGE: --report is empty: give a file or a folder\n'
  ],
  [['audit', 'y'.repeat(52), '--exec', ''], 'mivm: USAGE: --exec is empty: give a command\n'],
  [
    ['log', 'not an address'],
    'mivm: KEY_INVALID: "not an address" is not a valid address: expected 52 characters of z-base-32, as "mivm ls" or "mivm key ls" show them\n'
  ],
  [
    ['state', 'ls', 'forum@0'],
    'mivm: LINK_INVALID: there is no instance named "forum": see "mivm ls", or give its link\n'
  ],
  [
    ['status'],
    'mivm: USAGE: which host? give --host <id> or MIVM_HOST: "mivm host" prints the id of one\n'
  ],
  [['host', '--recover', '--local=0', '--log-level', 'error'], 'mivm: USAGE: there is no host in '],
  [['backup', ''], 'mivm: USAGE: the backup has no name: give a file, or a directory\n'],
  [['host', '--oracle', 'no-such.js'], 'mivm: ORACLE_INVALID: '],
  [
    ['host', '--oracle', '/dev/zero'],
    'mivm: ORACLE_INVALID: /dev/zero is no file: give the path of a module\n'
  ],
  [
    ['--as', '', 'call', 'y'.repeat(52), 'x'],
    'mivm: USAGE: --as is empty: give the name of an identity, or leave it out\n'
  ],
  [
    ['--as', '../x', 'call', 'y'.repeat(52), 'x'],
    'mivm: USAGE: "../x" is no name for an identity: use up to 64 letters, digits, - and _, not - or _ first\n'
  ],
  [
    ['--as', 'bob', 'call', 'y'.repeat(52), 'x'],
    'mivm: IDENTITY_UNKNOWN: there is no identity "bob": make it with "mivm key new bob"\n'
  ]
]

test('cli - what cannot be is said in one line, with exit code 64', async (t) => {
  const cli = new Cli(await tempDir(t), NOWHERE)
  for (const [i, [words, expected]] of USAGE.entries()) {
    const { status, stdout, stderr } = await cli.run(words, { alone: i % ALONE === 0 })
    t.is(status, 64, words.join(' '))
    t.is(stdout, '')
    if (expected.endsWith('\n')) t.is(stderr, expected)
    else t.ok(stderr.startsWith(expected) && stderr.trim().split('\n').length === 1, stderr)
  }
})

test('cli - without a command the help goes to stderr', async (t) => {
  const { status, stdout, stderr } = await new Cli(await tempDir(t), NOWHERE).run([])
  t.is(status, 64)
  t.is(stdout, '')
  t.ok(stderr.includes('Usage: mivm'))
  t.ok(stderr.endsWith('mivm: USAGE: a command is missing: see "mivm --help"\n'))
  const state = await new Cli(await tempDir(t), NOWHERE).run(['state'])
  t.is(state.status, 64)
  t.ok(
    state.stderr.endsWith(
      'mivm: USAGE: state what? give one of ls, cat, export: see "mivm state --help"\n'
    ),
    state.stderr
  )
})

test('cli - with --json an error is the last object too', async (t) => {
  const cli = new Cli(await tempDir(t), NOWHERE)
  const { status, stderr, objects } = await cli.json(['ls', '--nonsense'])
  t.is(status, 64)
  t.is(
    stderr,
    "mivm: USAGE: unknown option '--nonsense': see --help, or put -- before what is an argument\n"
  )
  t.alike(objects, [
    {
      type: 'error',
      code: 'USAGE',
      message: "unknown option '--nonsense': see --help, or put -- before what is an argument"
    }
  ])
})

test('cli - identities are made, listed, used, exported and imported', async (t) => {
  const root = await tempDir(t)
  const cli = new Cli(path.join(root, 'a'), NOWHERE)
  const made = await cli.run(['key', 'new', 'bob'])
  t.is(made.status, 0)
  t.ok(/^[a-z0-9]{52}\n$/.test(made.stdout))
  t.is((await stat(path.join(root, 'a/keys/bob.key'))).mode & 0o777, 0o600)

  const again = await cli.run(['key', 'new', 'bob'])
  t.is(again.status, 64)
  t.is(
    again.stderr,
    'mivm: IDENTITY_EXISTS: there is an identity "bob" already: choose another name\n'
  )

  t.is((await cli.run(['key', 'use', 'bob'])).stdout, made.stdout)
  t.is((await cli.run(['key', 'show'])).stdout, made.stdout, 'it is the default now')
  const typo = await cli.run(['key', 'show', 'bbo'])
  t.is(typo.status, 64)
  t.is(typo.stderr, 'mivm: IDENTITY_UNKNOWN: there is no identity "bbo": did you mean "bob"?\n')

  const secret = await cli.run(['key', 'export', 'bob'], { alone: true })
  const other = new Cli(path.join(root, 'b'), NOWHERE)
  const imported = await other.run(['key', 'import', 'robert'], { input: secret.stdout })
  t.is(imported.stdout, made.stdout)
  const file = path.join(root, 'secret')
  await writeFile(file, secret.stdout.replace('seed":"', 'seed":"00'))
  const units = path.join(root, 'units')
  await writeFile(units, `\ufeff${secret.stdout}`, 'utf16le')
  const windows = await other.run(['key', 'import', 'robin', units])
  t.is(windows.stdout, made.stdout, 'as PowerShell saves it')
  const broken = await other.run(['key', 'import', 'x', file])
  t.is(broken.status, 64)
  t.ok(broken.stderr.startsWith('mivm: KEY_INVALID: '), broken.stderr)
  t.absent(broken.stderr.includes(JSON.parse(secret.stdout).seed), 'and no secret is printed')

  const { objects } = await other.json(['key', 'ls'])
  t.alike(objects, [
    { type: 'identity', name: 'robert', id: made.stdout.trim(), default: true },
    { type: 'identity', name: 'robin', id: made.stdout.trim(), default: false },
    { type: 'summary', identities: 2 }
  ])
})

test('cli - the first identity is the one that is used, until another is chosen', async (t) => {
  const cli = new Cli(await tempDir(t), NOWHERE)
  const bob = await cli.run(['key', 'new', 'bob'])
  await cli.run(['key', 'new', 'alice'])
  t.is((await cli.run(['key', 'show'])).stdout, bob.stdout)
  const alice = await cli.run(['key', 'use', 'alice'])
  await cli.run(['key', 'new', 'carol'])
  t.is((await cli.run(['key', 'show'], { alone: true })).stdout, alice.stdout)
})

test('cli - without a home no key goes to where one happens to be', async (t) => {
  const cwd = await tempDir(t)
  const env = { HOME: '', MIVM_DIR: '' }
  const { status, stdout } = await new Cli(cwd, NOWHERE).run(['--help'], { cwd, env })
  t.is(status, 0)
  t.ok(stdout.includes('~/.mivm'))
  const bare = { PATH: process.env['PATH'], HOME: '' }
  const script = `delete process.env.MIVM_DIR; await import(${JSON.stringify(PROGRAM)}).then(async ({ createProgram }) => {
    const program = await createProgram(['ls'], false)
    console.log(program.opts().dir)
  })`
  const { stdout: dir } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd,
    env: bare,
    encoding: 'utf8'
  })
  t.is(dir, `${path.join(userInfo().homedir, '.mivm')}\n`)
})

test('cli - a value that was printed can be an argument again', (t) => {
  for (const value of [
    ['caf\ufffd'],
    { '\ufffd': '\\\ufffd' },
    ['\u001b[31m\u007f\u009b31m\u202e', { '\u0085': '\\\u2028' }],
    'text',
    1n,
    new Uint8Array([1]),
    null
  ]) {
    const text = formatValue(value)
    t.alike(parseArgument(text), value)
    t.alike(parseArgument(printableLines(text)), value, 'as a terminal shows it')
  }
})

test('cli - a value of others is shown on one line that nothing in it turns', (t) => {
  const value = { '\u202ekey': ['\u2028\u2066\u001b[2J', 'plain'] }
  t.is(inspectValue(value), "{ '\\u202ekey': [ '\\u2028\\u2066\\x1B[2J', 'plain' ] }")
})

test('cli - on a terminal what went wrong has a line of its own', (t) => {
  const script = `process.stderr.isTTY = true
    const { Output } = await import(${JSON.stringify(path.join(PROGRAM, '../output.ts'))})
    const { reportError } = await import(${JSON.stringify(path.join(PROGRAM, '../report.ts'))})
    new Output(false).progress('looking…')
    reportError(Object.assign(new Error('nothing'), { code: 'ENOENT' }), false)`
  const on = (TERM: string) =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: { ...process.env, TERM }
    }).stderr
  const stderr = on('xterm')
  t.ok(stderr.includes('looking…') && stderr.includes('mivm: STORAGE_FAILED:'), stderr)
  t.absent(/looking…[^\r]*mivm/.test(stderr), JSON.stringify(stderr))
  t.absent(/looking|\r/.test(on('dumb')), 'one that erases nothing has only that')
})

test('cli - a file that others wrote turns no terminal into something else', (t) => {
  const bytes = '\\u001b[2Jgone\\n\\u009b\\t.'
  const shown = (isTTY: boolean) => {
    const script = `process.stdout.isTTY = ${isTTY}
      const { Output } = await import(${JSON.stringify(path.join(PROGRAM, '../output.ts'))})
      new Output(false).bytes(new TextEncoder().encode('${bytes}'))`
    return spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  }
  t.is(shown(true).stdout, '\\x1b[2Jgone\n\\x9b\t.')
  t.is(shown(false).stdout, '\u001b[2Jgone\n\u009b\t.', 'a pipe has it as it is')
})

test('cli - an instance is named by who has its link', async (t) => {
  const cli = new Cli(await tempDir(t), NOWHERE)
  const [one, two] = ['y', 'b'].map((c) => `mivm://${'y'.repeat(52)}/${c.repeat(51)}y`)
  if (one === undefined || two === undefined) throw new Error('no links')
  t.alike(await cli.run(['name', 'forum', one], { alone: true }), {
    status: 0,
    stdout: `${one}\n`,
    stderr: ''
  })
  t.is((await cli.run(['name', 'same', 'forum'])).stdout, `${one}\n`)
  const renamed = await cli.run(['name', 'forum', two])
  t.is(renamed.stderr, `"forum" was ${one} before\n`)
  const { objects } = await cli.json(['ls'])
  t.alike(
    objects.map(({ name, link }) => [name, link]),
    [
      ['forum', two],
      ['same', one],
      [undefined, undefined]
    ]
  )
  const refused = await cli.run(['name', 'a/b', one])
  t.is(refused.status, 64)
  t.ok(refused.stderr.startsWith('mivm: USAGE: "a/b" is no name for an instance'), refused.stderr)
})

test('cli - options that all share stand before or after the command', async (t) => {
  const root = await tempDir(t)
  const cli = new Cli(path.join(root, 'unused'), NOWHERE)
  const dir = path.join(root, 'other')
  await cli.run(['--dir', dir, 'key', 'new', 'bob'])
  const before = await cli.run(['--json', '--dir', dir, 'key', 'ls'])
  const after = await cli.run(['key', 'ls', '--dir', dir, '--json'])
  t.is(before.stdout, after.stdout)
  t.ok(before.stdout.includes('"name":"bob"'))
})

test('cli - a bare --local takes no word for its port', async (t) => {
  const cli = new Cli(await tempDir(t), NOWHERE)
  const { status, stderr } = await cli.run(['--local', 'ls'])
  t.is(status, 0, stderr)
})

test('cli - a settings file that is damaged is named', async (t) => {
  const dir = await tempDir(t)
  const file = path.join(dir, 'names.json')
  for (const text of ['{', '{"forum":1}', '{"forum":"mivm://elsewhere"}']) {
    await writeFile(file, text)
    for (const words of [['ls'], ['log', 'forum']]) {
      const { status, stderr } = await new Cli(dir, NOWHERE).run(words)
      t.is(status, 69)
      const said = `mivm: DIRECTORY_DAMAGED: ${file} is not what it should be: mend or remove it\n`
      t.is(stderr, said, text)
    }
  }
})

test('cli - a mirror of what is no instance makes no host', async (t) => {
  const dir = await tempDir(t)
  const { status, stdout, stderr } = await new Cli(dir, NOWHERE).run(['host', '--mirror', 'forum'])
  t.alike([status, stdout], [64, ''])
  t.ok(stderr.startsWith('mivm: LINK_INVALID: there is no instance named "forum"'), stderr)
  t.alike(await readdir(dir), [])
})

test('cli - a data directory that is a file is refused', async (t) => {
  const file = path.join(await tempDir(t), 'file')
  await writeFile(file, '')
  const { status, stderr } = await new Cli(file, NOWHERE).run(['key', 'new'])
  t.is(status, 69)
  t.ok(/^mivm: STORAGE_FAILED: .*\n$/.test(stderr), stderr)
})

test('cli - what is no file, or on a disk that fails, is no bug', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const dir = await tempDir(t)
  const socket = path.join(dir, 'host.sock')
  const server = createServer().listen(socket)
  t.teardown(() => server.close())
  // of a process's memory nothing is at 0, and the system says what it says of a bad sector
  for (const file of [socket, '/proc/self/mem']) {
    for (const words of [
      ['verify', file],
      ['key', 'import', 'bob', file]
    ]) {
      const { status, stderr } = await new Cli(dir, NOWHERE).run(words)
      t.is(status, 69, words.join(' '))
      t.ok(/^mivm: STORAGE_FAILED: the .*\n$/.test(stderr), stderr)
    }
  }
})

test('cli - output that nobody reads ends a command quietly', async (t) => {
  const dir = await tempDir(t)
  const names: { [name: string]: string } = {}
  for (let i = 0; i < 3000; i++) names[`name${i}`] = `mivm://${'y'.repeat(52)}/${'y'.repeat(52)}`
  await writeFile(path.join(dir, 'names.json'), JSON.stringify(names))
  const child = new Cli(dir, NOWHERE).start(['ls'])
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdout?.once('data', () => child.stdout?.destroy())
  const status = await new Promise((resolve) => child.once('close', resolve))
  t.is(status, 0)
  t.is(stderr.replace('3,000 instances\n', ''), '')
})

test('cli - colours go to terminals only', async (t) => {
  const cli = new Cli(await tempDir(t), NOWHERE)
  const piped = await cli.run(['ls', '--nonsense'])
  t.absent(piped.stderr.includes('\u001b'))
  const forced = await cli.run(['ls', '--nonsense'], { env: { FORCE_COLOR: '1' } })
  t.ok(forced.stderr.includes('\u001b[31m'))
  const refused = await cli.run(['ls', '--nonsense'], { env: { NO_COLOR: '1' } })
  t.absent(refused.stderr.includes('\u001b'))
})

test('cli - an identity that is damaged is named beside the others', async (t) => {
  const cli = new Cli(await tempDir(t), NOWHERE)
  const bob = (await cli.run(['key', 'new', 'bob'])).stdout.trim()
  await writeFile(path.join(cli.dir, 'keys', 'alice.key'), 'not any more')
  await mkdir(path.join(cli.dir, 'keys', 'carol.key'))
  const { status, stdout, stderr } = await cli.run(['key', 'ls'])
  t.is(status, 0)
  t.is(stdout, `*\tbob\t${bob}\n`)
  const [alice = '', carol = '', ...more] = stderr.split('\n')
  t.ok(/^alice: .* does not hold an identity: export it anew /.test(alice), alice)
  t.ok(/^carol: .*EISDIR.*: check the path and its permissions$/.test(carol), carol)
  t.alike(more, ['1 identity', ''])
})
