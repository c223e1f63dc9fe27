/**
 * Where one is in the console, kept in the part of the address behind `#`: `#/topics?topic=a/b`. So every view has an
 * address that can be kept or sent, and the daemon needs to know one page only.
 */

export const pageNames = [
  'overview',
  'topics',
  'publish',
  'queues',
  'clients',
  'peers',
  'rules',
] as const

export type PageName = (typeof pageNames)[number]

export interface Route {
  readonly page: PageName
  readonly params: Readonly<Record<string, string>>
}

/** An address that says nothing known leads to the overview. */
export function parseRoute(hash: string): Route {
  const [path, query] = splitOnce(hash.replace(/^#\/?/, ''), '?')
  const page = pageNames.find((name) => name === path) ?? 'overview'
  return { page, params: Object.fromEntries(new URLSearchParams(query)) }
}

/** The `href` of a view; parameters that are undefined are left out. */
export function formatRoute(
  page: PageName,
  params: Readonly<Record<string, string | undefined>> = {},
): string {
  const given = Object.entries(params).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value]],
  )
  const query = new URLSearchParams(given).toString()
  return `#/${page}${query === '' ? '' : `?${query}`}`
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
