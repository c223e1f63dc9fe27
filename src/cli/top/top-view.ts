/** What of `msgbus top` is looked at, and what keys do to that. */

import type { ScreenKey } from '../screen.ts'

/** From top to bottom. */
export const sectionNames = ['clients', 'topics', 'queues'] as const

export type SectionName = (typeof sectionNames)[number]

export interface SectionView {
  /** Index of the column that rows are sorted by. */
  readonly sortBy: number
  /** Against the usual order of that column. */
  readonly reversed: boolean
  /** Rows that are scrolled away. */
  readonly scroll: number
}

export interface TopView {
  /** The section that keys are about. */
  readonly active: SectionName
  readonly sections: Readonly<Record<SectionName, SectionView>>
  readonly paused: boolean
}

/** The second column of every section says how busy or full something is. */
const firstSection: SectionView = { sortBy: 1, reversed: false, scroll: 0 }

export const firstView: TopView = {
  active: 'clients',
  sections: { clients: firstSection, topics: firstSection, queues: firstSection },
  paused: false,
}

/** What a key needs to know of the section it is about. */
export interface SectionExtent {
  readonly columns: number
  readonly rows: number
  /** Rows on the screen. */
  readonly shown: number
}

/** The view after a key; the same one when the key means nothing. */
export function viewAfter(view: TopView, key: ScreenKey, extent: SectionExtent): TopView | 'quit' {
  const { active, paused } = view
  if (key.ctrl === true) return key.name === 'c' ? 'quit' : view
  const { sortBy, reversed, scroll } = view.sections[active]
  const sort = (by: number) => {
    const column = (by + extent.columns) % extent.columns
    return withSection(view, { sortBy: column, reversed: false, scroll: 0 })
  }
  const scrollTo = (row: number) => {
    const most = Math.max(0, extent.rows - extent.shown)
    const to = Math.min(Math.max(0, row), most)
    return to === scroll ? view : withSection(view, { sortBy, reversed, scroll: to })
  }
  switch (key.name ?? '') {
    case 'q':
      return 'quit'
    case 'p':
    case 'space':
      return { ...view, paused: !paused }
    case 'tab':
      return { ...view, active: neighbour(active, key.shift === true ? -1 : 1) }
    case 'left':
      return sort(sortBy - 1)
    case 'right':
      return sort(sortBy + 1)
    case 'r':
      return withSection(view, { sortBy, reversed: !reversed, scroll: 0 })
    case 'up':
    case 'k':
      return scrollTo(scroll - 1)
    case 'down':
    case 'j':
      return scrollTo(scroll + 1)
    case 'pageup':
      return scrollTo(scroll - extent.shown)
    case 'pagedown':
      return scrollTo(scroll + extent.shown)
    case 'home':
      return scrollTo(0)
    case 'end':
      return scrollTo(extent.rows)
    default:
      return view
  }
}

function withSection(view: TopView, section: SectionView): TopView {
  return { ...view, sections: { ...view.sections, [view.active]: section } }
}

function neighbour(section: SectionName, step: number): SectionName {
  const { length } = sectionNames
  return sectionNames[(sectionNames.indexOf(section) + step + length) % length] ?? section
}
