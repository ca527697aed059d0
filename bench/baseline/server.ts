// What a user would otherwise pick: a plain server, Fastify over SQLite, every answer after a sync to disk
// (synchronous=FULL). The SQLite is the one in Node. Statements are prepared and routes have schemas, as both advise.
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import Fastify, { type FastifyInstance } from 'fastify'
import { serve } from '../process.ts'

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE topics (id INTEGER PRIMARY KEY, title TEXT NOT NULL) STRICT;
  CREATE TABLE posts (
    topic INTEGER NOT NULL REFERENCES topics (id),
    id INTEGER NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (topic, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO topics (id, title) VALUES (1, 'Benchmarks');
  INSERT INTO counters (name, value) VALUES ('posts', 0), ('count', 0);
`

let server: FastifyInstance | null = null
let database: DatabaseSync | null = null

const commands = {
  /** Resolves to the port on loopback when it listens. */
  async open(dir: string): Promise<number> {
    database = new DatabaseSync(path.join(dir, 'forum.db'))
    database.exec(SCHEMA)
    server = route(database)
    const url = await server.listen({ host: '127.0.0.1', port: 0 })
    return Number(new URL(url).port)
  },
  async close(): Promise<void> {
    await server?.close()
    database?.close()
  }
}

export type ServerCommands = typeof commands

serve(commands)

function route(db: DatabaseSync): FastifyInstance {
  const move = db.prepare('UPDATE counters SET value = value + ? WHERE name = ? RETURNING value')
  const insert = db.prepare('INSERT INTO posts (topic, id, content) VALUES (?, ?, ?)')
  const next = (name: string, by: number) => Number(move.get(by, name)?.['value'])
  const app = Fastify({ forceCloseConnections: true })

  app.post<{ Params: { id: number }; Body: { content: string } }>(
    '/topics/:id/posts',
    { schema: { params: object({ id: INTEGER }), body: object({ content: TEXT }), ...REPLY } },
    async ({ params, body }) => {
      db.exec('BEGIN IMMEDIATE')
      try {
        const value = next('posts', 1)
        insert.run(params.id, value, body.content)
        db.exec('COMMIT')
        return { value }
      } catch (error) {
        db.exec('ROLLBACK')
        throw error
      }
    }
  )
  app.post<{ Body: { by: number } }>(
    '/counter',
    { schema: { body: object({ by: INTEGER }), ...REPLY } },
    async ({ body }) => ({ value: next('count', body.by) })
  )
  return app
}

const INTEGER = { type: 'integer' }
const TEXT = { type: 'string' }
const REPLY = { response: { 200: object({ value: INTEGER }) } }

function object(properties: { readonly [name: string]: { readonly type: string } }) {
  return { type: 'object', properties, required: Object.keys(properties) }
}
