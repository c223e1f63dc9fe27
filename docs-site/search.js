// Finds pages and headings that contain every word; titles before headings before text.

const input = document.querySelector('input[type=search]')
const list = document.querySelector('.found')
const most = 12

function find(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return []
  const has = (text) => words.every((word) => text.toLowerCase().includes(word))
  const found = []
  for (const { href, title, headings, text } of globalThis.searchIndex) {
    if (has(title)) found.push({ rank: 0, href, text: title })
    for (const heading of headings) {
      if (!has(`${title} ${heading.text}`) || has(title)) continue
      found.push({ rank: 1, href: `${href}#${heading.id}`, text: `${title}: ${heading.text}` })
    }
    if (!has(title) && has(text)) found.push({ rank: 2, href, text: title })
  }
  return found.sort((a, b) => a.rank - b.rank).slice(0, most)
}

input.addEventListener('input', () => {
  const found = find(input.value)
  list.hidden = found.length === 0
  list.replaceChildren(
    ...found.map(({ href, text }) => {
      const link = document.createElement('a')
      link.href = input.dataset.base + href
      link.textContent = text
      const item = document.createElement('li')
      item.append(link)
      return item
    }),
  )
})

input.addEventListener('keydown', (event) => {
  if (event.key === 'Enter') list.querySelector('a')?.click()
  if (event.key === 'Escape') list.hidden = true
})
