/**
 * The manual pages, made from the reference pages, which the programs print about themselves.
 * A Markdown parser reads them; here is only what each part looks like in roff (man(7)).
 */

import MarkdownIt from 'markdown-it'

const markdown = new MarkdownIt()

/**
 * @param page Markdown; its first heading is replaced by the page's own
 * @param about name and section of the page, what NAME says, version, and the day as YYYY-MM-DD
 * @returns roff
 */
export function manPage(page, { name, section, summary, version, day }) {
  const head = [
    `.TH ${name.toUpperCase()} ${section} ${day} "msgbus ${version}" "msgbus"`,
    '.SH NAME',
    `${name} \\- ${escape(summary)}`,
    '.SH DESCRIPTION',
  ]
  return `${[...head, ...blocks(markdown.parse(page, {}))].join('\n')}\n`
}

function* blocks(tokens) {
  let row = []
  let isHead = false
  for (const [index, token] of tokens.entries()) {
    const inner = tokens[index + 1]
    switch (token.type) {
      case 'heading_open':
        // The first is the title, which .TH has.
        if (token.tag !== 'h1') {
          yield `.${token.tag === 'h2' ? 'SH' : 'SS'} ${inline(inner)}`
        }
        break
      case 'paragraph_open':
        yield `.PP\n${inline(inner)}`
        break
      case 'fence':
      case 'code_block':
        yield `.PP\n.nf\n.RS 4\n${escape(token.content.trimEnd())}\n.RE\n.fi`
        break
      case 'thead_open':
        isHead = true
        break
      case 'thead_close':
        isHead = false
        break
      case 'tr_open':
        row = []
        break
      case 'th_open':
      case 'td_open':
        row.push(inline(inner))
        break
      case 'tr_close':
        if (!isHead) yield tableRow(row)
        break
      default:
    }
  }
}

/** The first cell names the thing, the last explains it; what is between are its particulars. */
function tableRow([term = '', ...cells]) {
  const text = cells.pop() ?? ''
  const particulars = cells.filter((cell) => cell !== '').join(', ')
  return `.TP\n${term}\n${particulars === '' ? text : `[${particulars}] ${text}`}`
}

function inline(token) {
  const parts = (token?.children ?? []).map((child) => {
    switch (child.type) {
      case 'code_inline':
        return `\\fB${escapeWithin(child.content)}\\fR`
      case 'strong_open':
        return '\\fB'
      case 'em_open':
        return '\\fI'
      case 'strong_close':
      case 'em_close':
        return '\\fR'
      case 'softbreak':
        return ' '
      default:
        return escapeWithin(child.content)
    }
  })
  return protectStart(parts.join(''))
}

const escapeWithin = (text) => text.replaceAll('\\', '\\e').replaceAll('-', '\\-')

/** A line that begins with a dot or an apostrophe would be a request. */
const protectStart = (text) => text.replace(/^(?=[.'])/gm, '\\&')

const escape = (text) => protectStart(escapeWithin(text))
