/** A page of Markdown as the site needs it: its title, headings with anchors, links, text to search, and HTML. */

import MarkdownIt from 'markdown-it'

/**
 * @returns title; headings below it as `{ id, text, level }`; links and images as `{ href, text, section }`, the section being
 *   the second-level heading above; plain text; and `render(rewrite)`, which gives HTML with every address rewritten
 */
export function readPage(source) {
  const markdown = new MarkdownIt({ html: true, linkify: false })
  const tokens = markdown.parse(source, {})
  const page = { title: '', headings: [], links: [], text: '' }
  const ids = new Map()
  let section = ''
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'heading_open') {
      const text = plain(tokens[index + 1])
      if (token.tag === 'h1') page.title = text
      else {
        const id = anchor(text, ids)
        token.attrSet('id', id)
        page.headings.push({ id, text, level: Number(token.tag.slice(1)) })
      }
      if (token.tag === 'h2') section = text
    }
    if (token.type === 'inline') {
      page.text += `${plain(token)} `
      page.links.push(...linksOf(token).map((link) => ({ ...link, section })))
    }
  }
  page.render = (rewrite) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const name = token.type === 'image' ? 'src' : 'href'
      const address = token.attrGet(name)
      if (address !== null) token.attrSet(name, rewrite(address))
    }
    return markdown.renderer.render(tokens, markdown.options, {})
  }
  return page
}

function* linkTokens(inline) {
  for (const [index, token] of (inline.children ?? []).entries()) {
    if (token.type === 'image') yield { href: token.attrGet('src'), text: token.content }
    if (token.type === 'link_open') {
      const rest = inline.children.slice(index + 1)
      const end = rest.findIndex(({ type }) => type === 'link_close')
      yield { href: token.attrGet('href'), text: plain({ children: rest.slice(0, end) }) }
    }
  }
}

const linksOf = (inline) => [...linkTokens(inline)]

function plain(inline) {
  return (inline.children ?? [])
    .map(({ type, content }) => (type === 'softbreak' ? ' ' : content))
    .join('')
}

/** As on the sites where the sources are read: lower case, words joined by hyphens, numbers for repeats. */
function anchor(text, ids) {
  const slug = text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-')
  const before = ids.get(slug) ?? 0
  ids.set(slug, before + 1)
  return before === 0 ? slug : `${slug}-${before}`
}
