/** What tests look at on the demo page, by the names that spec/tmb.md 12.2 gives to its parts. */

import type { Locator, Page } from 'playwright-core'

/** Resolves when the element looks so; rejects after half a minute. */
export function shows(page: Page, testId: string, attributes: Readonly<Record<string, string>>) {
  const wanted = Object.entries(attributes).map(([name, value]) => `[${name}="${value}"]`)
  return page.locator(`[data-testid="${testId}"]${wanted.join('')}`).waitFor({ state: 'attached' })
}

/** Resolves when the text of the element contains this, or matches; rejects after half a minute. */
export function says(page: Page, testId: string, text: string | RegExp): Promise<void> {
  return at(page, testId).filter({ hasText: text }).waitFor({ state: 'attached' })
}

/** The element with this `data-testid`. */
export function at(page: Page, testId: string): Locator {
  return page.getByTestId(testId)
}

/** Every text of the log without its time. */
export async function logged(page: Page, direction: 'in' | 'out' | 'note'): Promise<string[]> {
  return at(page, 'log').locator(`li[data-direction=${direction}] .text`).allTextContents()
}
