// Calls a forum (contracts/forum.js) that somebody else's host runs, and keeps the proof of one call. Its identity
// and its log of calls stay in MIVM_DIR. MIVM_BOOTSTRAP names another network than the public one: host:port,…
//
//   MIVM_DIR=~/.mivm-forum node --conditions=mivm-source examples/client.ts mivm://<host>/<address>
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Client, ContractError, verify } from 'mivm'

const [link = ''] = process.argv.slice(2)
const dir = process.env['MIVM_DIR'] ?? '.mivm'
const bootstrap = process.env['MIVM_BOOTSTRAP']?.split(',')

const client = await Client.open({ dir, ...(bootstrap && { bootstrap }) })
const { addTopic, addPost } = await client.connect(link)
if (!addTopic || !addPost) throw new Error(`${link} is no forum`)

const topic = await addTopic('Hello world')
const call = addPost(topic, `My name is ${client.id}`)
console.log('topic:', topic, 'post:', await call)
console.log('title:', await client.state(link).readFile(`/topics/${topic}/title`))

// whoever has these bytes can check, now or in years, that the host has given this answer to this call
const { bytes } = await call.receipt
const file = path.join(dir, 'post.receipt')
await writeFile(file, bytes)
const { method, seq, value } = verify(bytes)
console.log('receipt:', file, 'proves:', `call ${seq}, ${method}, gave ${value}`)

// what a contract throws arrives with name, message and code
const refused = await addTopic({ not: 'a text' }).catch((error) => error)
if (refused instanceof ContractError) console.log('refused:', refused.code, refused.message)

await client.close()
