/** The parts of the page's markup, found and typed. The markup is ours, so a part that is missing is our mistake. */

/** The first element below `root` that the selector names. @throws Error when there is none of this type */
export function part<T extends Element>(root: ParentNode, selector: string, type: new () => T): T {
  const found = root.querySelector(selector)
  if (found instanceof type) return found
  throw new Error(`the page has no ${type.name} ${selector}`)
}

/** A new copy of what is in a template. */
export function copyOf<T extends Element>(template: string, type: new () => T): T {
  const { content } = part(document, `template#${template}`, HTMLTemplateElement)
  const [element] = content.children
  const copy = element?.cloneNode(true)
  if (copy instanceof type) return copy
  throw new Error(`the template ${template} holds no ${type.name}`)
}

/** A button that says what it does beyond the words on it. */
export function button(text: string, { name, testId }: { name: string; testId: string }) {
  const element = document.createElement('button')
  element.type = 'button'
  element.textContent = text
  element.setAttribute('aria-label', name)
  element.dataset['testid'] = testId
  return element
}

/** Writes only what is different, so that screen readers and selections are left in peace. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
