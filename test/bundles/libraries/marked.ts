import { marked } from 'marked'

export async function publish(name: string, text: string) {
  const html = await marked.parse(text, { gfm: true })
  await state.writeFile(`/${name}.html`, html)
  return html
}

export const tokens = (text: string) => marked.lexer(text).map(({ type }) => type)
