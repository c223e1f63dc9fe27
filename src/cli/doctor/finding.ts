/** What a check of `msgbus doctor` found. */

export interface Finding {
  /** `wrong`: it does not work. `warning`: it works, but will bite. `note`: could not be checked. */
  readonly level: 'good' | 'note' | 'warning' | 'wrong'
  /** What was checked, in a word or two. */
  readonly check: string
  /** What was found. */
  readonly text: string
  /** What to do about it; absent when nothing is to be done. */
  readonly remedy?: string
}

export function good(check: string, text: string): Finding {
  return { level: 'good', check, text }
}

export function note(check: string, text: string): Finding {
  return { level: 'note', check, text }
}

export function warning(check: string, text: string, remedy: string): Finding {
  return { level: 'warning', check, text, remedy }
}

export function wrong(check: string, text: string, remedy: string): Finding {
  return { level: 'wrong', check, text, remedy }
}
