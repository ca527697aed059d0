import { readdir } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import { MivmError } from '../../protocol/errors.ts'
import { checkGenesis } from '../../protocol/genesis.ts'
import { decodeId, encodeId, formatLink } from '../../protocol/ids.ts'
import { readOwnFile } from '../../state/own-file.ts'
import { Context } from '../context.ts'
import type { Program } from '../program.ts'
import { namedLink, readNames } from '../settings.ts'
import { count } from '../text.ts'

/** `mivm ls` */
export function addLs(program: Program): void {
  program
    .command('ls')
    .description('Lists the instances that this machine knows: those with a name, and those used.')
    .addHelpText('after', '\nExample:\n  $ mivm ls\n')
    .action(async (_, command) => list(new Context(command.optsWithGlobals())))
}

async function list(context: Context): Promise<void> {
  const { output } = context
  const instances: { name: string | null; address: string; link: string }[] = []
  const names = await readNames(context.dir)
  for (const name of Object.keys(names).sort()) {
    const link = namedLink(context.dir, name, names)
    if (link === null) continue
    instances.push({ name, address: encodeId(link.address), link: formatLink(link) })
  }
  for (const [address, link] of await usedInstances(context.dir)) {
    if (instances.some((instance) => instance.address === address)) continue
    instances.push({ name: null, address, link })
  }
  for (const instance of instances) output.object({ type: 'instance', ...instance })
  output.table(
    ['NAME', 'LINK'],
    instances.map(({ name, link }) => [name ?? '-', link])
  )
  if (instances.length === 0)
    output.note('no instances yet: "mivm deploy <file> --name <name>" makes one')
  else output.note(count(instances.length, 'instance'))
  output.object({ type: 'summary', instances: instances.length })
}

/** Links by address of what the identities of this machine have called or deployed. */
async function usedInstances(dir: string): Promise<Map<string, string>> {
  const links = new Map<string, string>()
  const users = path.join(dir, 'users')
  for (const user of (await readdir(users).catch(nothing)).sort()) {
    const folder = path.join(users, user, 'instances')
    for (const file of (await readdir(folder).catch(nothing)).sort()) {
      if (!file.endsWith('.json')) continue
      const link = await linkOf(path.join(folder, file), file.slice(0, -'.json'.length))
      if (link !== null) links.set(file.slice(0, -'.json'.length), link)
    }
  }
  return links
}

async function linkOf(file: string, id: string): Promise<string | null> {
  try {
    const address = decodeId(id, 'address')
    const { genesis } = Object(JSON.parse(b4a.toString(await readOwnFile(file))))
    const { host } = checkGenesis(address, b4a.from(String(genesis), 'base64'))
    return formatLink({ host, address })
  } catch (error) {
    // a file that is not what it should be is asked for again when the instance is used
    if (error instanceof SyntaxError || error instanceof MivmError) return null
    throw error
  }
}

function nothing(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
  throw error
}
