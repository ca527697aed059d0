// Makes the directories of a host, of a caller and of a restored host, and notes down what of that is on disk.
import path from 'node:path'
import { Client } from '../../src/client/client.ts'
import { backUpClosed, restore } from '../../src/host/backup.ts'
import { Host } from '../../src/host/host.ts'
import { noteSyncs } from './synced.ts'

const [, , dir = '', notes = ''] = process.argv
noteSyncs(notes)
const bootstrap = ['127.0.0.1:1']
const hostDir = path.join(dir, 'one', 'host')
await (await Host.open({ dir: hostDir, bootstrap, engines: 1, sandbox: 'none' })).close()
await (await Client.open({ dir: path.join(dir, 'two'), bootstrap })).close()
await backUpClosed(hostDir, path.join(dir, 'backup'))
await restore(path.join(dir, 'backup'), path.join(dir, 'three', 'host'))
process.exit()
