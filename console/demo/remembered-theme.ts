/** Dark or light as it was chosen in the console; else as the system prefers (console/src/theme.ts keeps the choice). */

export function applyRememberedTheme(): void {
  const chosen = remembered()
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset['theme'] = chosen
}

function remembered(): string | null {
  try {
    return localStorage.getItem('msgbus-theme')
  } catch {
    // Storage may be off; then nothing was remembered.
    return null
  }
}
