/** The icons of the console: strokes on a grid of 20, in the colour of the text around them. */

import type { JSX } from 'preact'

const paths = {
  overview: 'M3 12.5 7 8l3.5 3L17 4.5M3 16.5h14',
  topics: 'M4 4.5h5M4 10h12M7.500 15.500H16M4 4.500v11h3.500',
  publish: 'M3.5 10 16.500 4l-4 12.500-3-5.500zM9.500 11l3-3',
  queues: 'M3.500 5h13v3h-13zM3.500 11h9v4h-9z',
  clients:
    'M10 9.500a3 3 0 1 0 0-6 3 3 0 0 0 0 6M4 16.500c.6-3 2.900-4.500 6-4.500s5.400 1.500 6 4.500',
  peers:
    'M5 7.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4M15 16.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4M6.500 7l7 6M15 3.500v5M5 11.500v5',
  rules: 'M4 5h12M4 10h12M4 15h7M13.500 15l1.300 1.300L17.500 13.500',
  menu: 'M3.500 6h13M3.500 10h13M3.500 14h13',
  close: 'm5.500 5.500 9 9m0-9-9 9',
  search: 'M9 14.500a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11m4-1.500 4 4',
  right: 'm8 5.500 4.500 4.500L8 14.500',
  down: 'm5.500 8 4.500 4.500L14.500 8',
  left: 'M12 5.500 7.500 10l4.500 4.500',
  pause: 'M7 5v10M13 5v10',
  play: 'M6.500 4.500 15 10l-8.500 5.500z',
  copy: 'M7 7h9v9H7zM4 13V4h9',
  download: 'M10 3.500v9m-3.500-3L10 13l3.500-3.500M4 16.500h12',
  plus: 'M10 4.500v11M4.500 10h11',
  trash: 'M4 6h12M8 6V4h4v2M5.500 6l.7 10.500h7.600L14.500 6',
  sun: 'M10 13.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7M10 1.500v2m0 13v2m8.500-8.500h-2m-13 0h-2m14.500-6-1.400 1.400M5.400 14.600 4 16m12 0-1.400-1.400M5.400 5.400 4 4',
  moon: 'M15.500 12.200A6.500 6.500 0 0 1 7.800 4.500a6.500 6.500 0 1 0 7.700 7.700',
  system: 'M3 4.500h14v9H3zM7.500 16.500h5M10 13.500v3',
  alert: 'M10 3.500 17.500 16.500h-15zM10 8.500v3.500m0 2v.1',
  eye: 'M2.500 10s2.500-5 7.500-5 7.500 5 7.500 5-2.500 5-7.500 5-7.500-5-7.500-5m7.500 2a2 2 0 1 0 0-4 2 2 0 0 0 0 4',
} as const

export type IconName = keyof typeof paths

/** Decoration: whoever uses it says in text what it means. */
export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}
