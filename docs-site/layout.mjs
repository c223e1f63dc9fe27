/** The frame of every page: menu, what is on the page, neighbours. */

const escape = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

/**
 * @param menu entries as `{ path, text, section }`, in order
 * @param hrefTo gives the address of a page of the repository, relative to this one
 * @param base of the site, relative to this page; empty at the top
 */
export function layOut({ page, html, menu, hrefTo, base }) {
  const top = base === '' ? '' : `${base}/`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(page.title)} · msgbus</title>
<link rel="stylesheet" href="${top}style.css">
</head>
<body>
<header>
<a class="name" href="${hrefTo('docs/index.md')}">msgbus</a>
<input type="search" placeholder="Search" aria-label="Search" data-base="${top}">
<ul class="found" hidden></ul>
</header>
<nav aria-label="Pages">
${menuHtml(menu, page, hrefTo)}
</nav>
<main>
${html}
${neighbours(menu, page, hrefTo)}
</main>
${onThisPage(page)}
<script src="${top}search-index.js" defer></script>
<script src="${top}search.js" defer></script>
</body>
</html>
`
}

function menuHtml(menu, page, hrefTo) {
  const sections = [...new Set(menu.map(({ section }) => section))]
  return sections
    .map((section) => {
      const items = menu.filter((entry) => entry.section === section)
      const links = items.map(({ path, text }) => {
        const current = path === page.path ? ' aria-current="page"' : ''
        return `<li><a href="${hrefTo(path)}"${current}>${escape(text)}</a></li>`
      })
      return `<h2>${escape(section)}</h2>\n<ul>\n${links.join('\n')}\n</ul>`
    })
    .join('\n')
}

function onThisPage({ headings }) {
  const shown = headings.filter(({ level }) => level === 2)
  if (shown.length < 2) return ''
  const links = shown.map(({ id, text }) => `<li><a href="#${id}">${escape(text)}</a></li>`)
  return `<aside aria-label="On this page">\n<ul>\n${links.join('\n')}\n</ul>\n</aside>`
}

function neighbours(menu, page, hrefTo) {
  const at = menu.findIndex(({ path }) => path === page.path)
  const link = (entry, rel) =>
    entry
      ? `<a rel="${rel}" href="${hrefTo(entry.path)}">${escape(entry.text)}</a>`
      : '<span></span>'
  if (at === -1) return ''
  return `<footer>${link(menu[at - 1], 'prev')}${link(menu[at + 1], 'next')}</footer>`
}
