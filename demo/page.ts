// The few things that a page without a framework needs.

/** The element of index.html with this id. */
export function byId<Type extends HTMLElement>(id: string, type: new () => Type): Type {
  const found = document.getElementById(id)
  if (found instanceof type) return found
  throw new Error(`index.html has no #${id} of this type`)
}

/** A new element. Text is only ever text, so that nothing in it becomes markup. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

/** Runs the work at a click. Not disabled meanwhile, as that would take the focus away; further clicks do nothing. */
export function onClick(button: HTMLButtonElement, work: () => Promise<unknown>): void {
  button.addEventListener('click', () => {
    if (button.ariaDisabled === 'true') return
    button.ariaDisabled = 'true'
    void work().finally(() => {
      button.ariaDisabled = null
    })
  })
}

/** The time of day, to the second. */
export const timeOfDay = (date: Date) => date.toLocaleTimeString('en-GB')
