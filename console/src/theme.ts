/** Dark or light: as the system prefers, or as was chosen here, which this browser remembers. */

import { signal } from '@preact/signals'
import type { Signal } from '@preact/signals'

export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

// The demo page reads it, too.
const storageKey = 'msgbus-theme'

export const theme: Signal<Theme> = signal(remembered())

export function chooseTheme(chosen: Theme): void {
  theme.value = chosen
  try {
    if (chosen === 'system') localStorage.removeItem(storageKey)
    else localStorage.setItem(storageKey, chosen)
  } catch {
    // Storage may be off: then the choice holds until the page is left.
  }
  applyTheme()
}

export function applyTheme(): void {
  const { dataset } = document.documentElement
  if (theme.value === 'system') delete dataset['theme']
  else dataset['theme'] = theme.value
}

function remembered(): Theme {
  try {
    return themes.find((name) => name === localStorage.getItem(storageKey)) ?? 'system'
  } catch {
    // As above.
    return 'system'
  }
}
