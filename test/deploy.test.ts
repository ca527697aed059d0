// What is in deploy/, as far as it can be checked without a Docker engine and without systemd as the first process.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readlink, realpath, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'brittle'
import { Cli } from './cli.ts'
import { tempDir } from './helpers.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

interface Instruction {
  readonly name: string
  readonly args: string
}

test('deploy - the image is pinned, runs as nobody in particular and compiles nothing', (t) => {
  const instructions = readDockerfile()
  const of = (name: string) =>
    instructions.filter((one) => one.name === name).map(({ args }) => args)
  for (const image of of('FROM')) {
    t.ok(/^\S+:\d+\.\d+(\.\d+)?-[\w-]+(@sha256:[0-9a-f]{64})?( AS \w+)?$/.test(image), image)
  }
  const last = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'))
  const user = last.findLast(({ name }) => name === 'USER')?.args ?? '0'
  t.ok(/^[1-9]\d*:[1-9]\d*$/.test(user), `numbers, so that nobody has to look them up: ${user}`)
  const after = last.slice(last.findLastIndex(({ name }) => name === 'USER'))
  t.absent(
    after.some(({ name }) => name === 'RUN' || name === 'COPY'),
    'what is in it belongs to root'
  )
  const shell = of('RUN').join('\n')
  t.absent(/build-essential|\bgcc\b|g\+\+|\bmake\b|python|node-gyp|curl|wget/.test(shell), shell)
  for (const install of shell.match(/apt-get install[^&]*/g) ?? []) {
    t.ok(install.includes('--no-install-recommends') && install.includes('--yes'), install)
  }
  t.ok(shell.includes('rm -rf /var/lib/apt/lists/*'))
  for (const install of shell.match(/npm [^&\n]*/g) ?? []) {
    t.ok(/^npm ci .*--ignore-scripts/.test(install), install)
  }
  t.alike(of('ADD'), [], 'nothing from the network but packages')
  t.absent(/^(ARG|ENV).*(KEY|SECRET|TOKEN|PASSWORD)/im.test(read('deploy/Dockerfile')))
})

test('deploy - what the image copies and starts is there', (t) => {
  const instructions = readDockerfile()
  const letIn = read('deploy/Dockerfile.dockerignore').split('\n')
  t.is(letIn[0], '*')
  const copied = instructions
    .filter(({ name, args }) => name === 'COPY' && !args.startsWith('--from'))
    .flatMap(({ args }) => args.split(' ').slice(0, -1))
  for (const file of copied) {
    t.ok(existsSync(path.join(ROOT, file)), file)
    t.ok(letIn.includes(`!${file}`), `${file} is let in`)
  }
  t.alike(letIn.slice(1, -1).sort(), [...new Set(copied.map((file) => `!${file}`))].sort())
  const { files }: { files: string[] } = JSON.parse(read('package.json'))
  t.ok(files.includes('bin'))
  const starts = instructions.filter(({ name }) => name === 'ENTRYPOINT')
  const [node = '', script = ''] = parseWords(starts[0]?.args)
  t.is(script, '/opt/mivm/bin/mivm.js')
  t.is(node, '/opt/mivm/node_modules/.bin/node')
  for (const { name, args } of instructions) {
    if (name === 'HEALTHCHECK') t.is(parseWords(args.slice(args.indexOf('CMD ') + 4))[0], node)
    if (name === 'CMD') t.is(parseWords(args)[0], 'host')
  }
})

test('deploy - the unit starts the host as it is installed, and lets engines have their layers', async (t) => {
  const unit = read('deploy/mivm.service')
  const settings = new Map(
    Array.from(unit.matchAll(/^(\w+)=(.*)$/gm), ([, name = '', value = '']) => [name, value])
  )
  const words = (settings.get('ExecStart') ?? '').split(' ')
  t.alike(words.slice(0, 3), ['/opt/mivm/node_modules/.bin/node', '/opt/mivm/bin/mivm.js', 'host'])
  const help = await new Cli(await tempDir(t), '').run(['host', '--help'])
  for (const word of words.filter((word) => word.startsWith('--'))) t.ok(help.stdout.includes(word))
  t.is(settings.get('KillMode'), 'mixed', 'no signal hits an engine')
  t.is(settings.get('NoNewPrivileges'), 'yes')
  t.is(settings.get('CapabilityBoundingSet'), '')
  t.ok(settings.get('User') !== undefined && settings.get('User') !== 'root')
  for (const name of ['MemoryDenyWriteExecute', 'PrivateUsers', 'ProtectProc', 'ProcSubset']) {
    t.absent(settings.has(name), `${name} would take a layer away, or the JIT`)
  }
  const kinds = (settings.get('RestrictNamespaces') ?? '').split(' ')
  t.alike(kinds, ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'])
  t.ok(settings.get('RestrictAddressFamilies')?.includes('AF_NETLINK'))
  t.ok(settings.get('SystemCallFilter')?.split(' ').includes('@mount'))
})

test('deploy - the Node that the units start is there, whatever npm has installed it', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const dir = await tempDir(t)
  await mkdir(path.join(dir, 'node_modules/.bin'), { recursive: true })
  const name = `node_modules/node-linux-${process.arch}`
  await symlink(path.join(ROOT, name), path.join(dir, name))
  const [line = ''] = /^ln -sf .*$/m.exec(read('docs/operating.md')) ?? []
  const linked = spawnSync('sh', ['-c', line], { cwd: dir, encoding: 'utf8' })
  t.is(linked.status, 0, linked.stderr)
  const node = path.join(dir, 'node_modules/.bin/node')
  t.is(spawnSync(node, ['-v'], { encoding: 'utf8' }).stdout, 'v26.10.0\n')
  // not one of the same version that happens to be the operator's, in a home that the units do not see
  t.is(await realpath(node), await realpath(path.join(dir, name, 'bin/node')))
  t.ok((await readlink(node)).startsWith('../'), 'and goes along when the directory moves')
})

test('deploy - systemd understands the units', async (t) => {
  const dir = await tempDir(t)
  const names = ['mivm.service', 'mivm-backup.service', 'mivm-backup.timer']
  for (const name of names) {
    // nothing is in /opt/mivm here
    const start = `ExecStart=${process.execPath} host`
    await writeFile(path.join(dir, name), read(`deploy/${name}`).replace(/^ExecStart=.*$/m, start))
  }
  const files = names.map((name) => path.join(dir, name))
  const verified = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' })
  if (verified.error !== undefined) {
    t.pass('SKIPPED: there is no systemd-analyze, so nothing was tested')
    return
  }
  t.is(verified.status, 0, verified.stderr)
  t.absent(/unknown|ignoring/i.test(verified.stderr), verified.stderr)
})

test('deploy - there is something to read about every alarm', (t) => {
  const page = read('docs/operating.md')
  const alarms = Array.from(read('deploy/alerts.yml').matchAll(/alert: (\w+)/g), ([, name]) => name)
  t.ok(alarms.length > 8)
  for (const alarm of alarms) t.ok(page.includes(`\n### ${alarm}\n`), alarm)
})

test('deploy - the operator’s page names files and options that there are', async (t) => {
  const page = read('docs/operating.md')
  for (const [, file = ''] of page.matchAll(/\]\(([^)#]+)\)/g)) {
    t.ok(existsSync(path.join(ROOT, 'docs', file)), file)
  }
  const cli = new Cli(await tempDir(t), '')
  const help = await Promise.all(['host', 'status'].map((name) => cli.run([name, '--help'])))
  const known = help.map(({ stdout }) => stdout).join('\n')
  const foreign = [/^npm /, /^docker /, /^useradd /, /^systemctl /, /^apt /]
  const code = Array.from(page.matchAll(/`([^`\n]+)`/g), ([, text = '']) => text)
  for (const text of code.filter((text) => !foreign.some((other) => other.test(text)))) {
    for (const [option] of text.matchAll(/--[a-z][a-z-]+/g)) {
      if (!DOCKER.has(option)) t.ok(known.includes(option), `${option} in ${text}`)
    }
  }
})

const DOCKER: ReadonlySet<string> = new Set(['--init', '--network', '--security-opt'])

function readDockerfile(): Instruction[] {
  const lines = read('deploy/Dockerfile')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n')
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', args = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? []
      if (!KNOWN.has(name)) throw new Error(`no instruction: ${line}`)
      return { name, args }
    })
}

const KNOWN: ReadonlySet<string> = new Set([
  'FROM',
  'WORKDIR',
  'COPY',
  'RUN',
  'ENV',
  'VOLUME',
  'USER',
  'STOPSIGNAL',
  'HEALTHCHECK',
  'ENTRYPOINT',
  'CMD'
])

/** The exec form: without a shell that would not pass on signals. */
function parseWords(text = ''): string[] {
  const words: unknown = JSON.parse(text)
  if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words
  throw new Error(`not the exec form: ${text}`)
}

function read(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8')
}
