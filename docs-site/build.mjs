/**
 * Builds the documentation site from `docs/`, into `dist/docs` or the folder named: plain files that any
 * web server serves, or a browser opens from the disk.
 *
 * `docs/index.md` is the table of contents: its headings and links are the menu, in their order. Whatever is linked
 * from a page and is Markdown becomes a page, too, wherever it lies in the repository; a link that leads nowhere is
 * an error that names its page.
 */

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, posix, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { layOut } from './layout.mjs'
import { readPage } from './markdown.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const root = dirname(here)
const out = resolve(process.argv[2] ?? join(root, 'dist/docs'))

const index = 'docs/index.md'
const faults = []
const pages = readPages()
checkAnchors()
if (faults.length > 0) {
  for (const fault of faults) process.stderr.write(`msgbus: ${fault}\n`)
  process.exit(1)
}
write()
process.stdout.write(`${out}: ${pages.size} pages\n`)

/** Every page that can be reached from the table of contents, by its path in the repository. */
function readPages() {
  const found = new Map()
  const waiting = [index]
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    if (found.has(path)) continue
    const page = readPage(readFileSync(join(root, path), 'utf8'))
    found.set(path, { ...page, path })
    for (const link of page.links) {
      const target = targetOf(path, link.href)
      if (target === undefined) continue
      if (!existsSync(join(root, target.path))) faults.push(`${path}: ${link.href} is not there`)
      else if (target.path.endsWith('.md')) waiting.push(target.path)
    }
  }
  return found
}

/** Undefined for what leads out of the repository. */
function targetOf(from, href) {
  if (/^[a-z]+:/.test(href)) return undefined
  const [name, anchor] = href.split('#')
  const path = name === '' ? from : posix.join(posix.dirname(from), decodeURI(name))
  return { path, anchor }
}

function checkAnchors() {
  for (const page of pages.values()) {
    for (const { href } of page.links) {
      const target = targetOf(page.path, href)
      const linked = target && pages.get(target.path)
      if (linked && target.anchor && !linked.headings.some(({ id }) => id === target.anchor)) {
        faults.push(`${page.path}: ${href} has no such heading`)
      }
    }
  }
}

/** Where a page or file of the repository stands on the site. */
function placeOf(path) {
  const short = path.startsWith('docs/') ? path.slice(5) : path
  if (!short.endsWith('.md')) return posix.join('files', short)
  // A README is the page of its folder.
  return short.replace(/\/README\.md$/, '.md').replace(/\.md$/, '.html')
}

function write() {
  rmSync(out, { recursive: true, force: true })
  const menu = pages.get(index).links.flatMap(({ href, text, section }) => {
    const target = targetOf(index, href)
    return target?.path.endsWith('.md') ? [{ path: target.path, text, section }] : []
  })
  for (const page of pages.values()) {
    const place = placeOf(page.path)
    const hrefTo = (path) => posix.relative(posix.dirname(place), placeOf(path))
    const html = page.render((href) => {
      const target = targetOf(page.path, href)
      if (target === undefined) return href
      if (!target.path.endsWith('.md')) copy(target.path)
      const anchor = target.anchor === undefined ? '' : `#${target.anchor}`
      return target.path === page.path && anchor !== '' ? anchor : hrefTo(target.path) + anchor
    })
    put(place, layOut({ page, html, menu, hrefTo, base: posix.relative(posix.dirname(place), '') }))
  }
  for (const file of ['style.css', 'search.js']) put(file, readFileSync(join(here, file)))
  const entries = [...pages.values()].map(({ path, title, headings, text }) => ({
    href: placeOf(path),
    title,
    headings,
    text,
  }))
  put('search-index.js', `globalThis.searchIndex = ${JSON.stringify(entries)}\n`)
}

function put(place, content) {
  const file = join(out, place)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}

/** Images, configuration files and the like, as they are; folders are only named. */
function copy(path) {
  if (statSync(join(root, path)).isDirectory()) return
  const file = join(out, placeOf(path))
  mkdirSync(dirname(file), { recursive: true })
  copyFileSync(join(root, path), file)
}
