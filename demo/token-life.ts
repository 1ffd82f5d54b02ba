import type { SignedIn } from '../client/index.ts'
import { byId } from './page.ts'

const meter = byId('life', HTMLElement)
const fill = byId('life-fill', HTMLElement)
const text = byId('life-left', HTMLElement)
const still = matchMedia('(prefers-reduced-motion: reduce)')

let token: SignedIn | undefined
let moving: Animation | undefined

/** Shows how much the access token has left. The bar moves by itself, or once a second where motion is unwelcome. */
export function showTokenLife(shown: SignedIn | undefined): void {
  token = shown
  moving?.cancel()
  if (!token) return
  meter.ariaValueMax = String(token.expires_in)
  const left = Math.max(0, token.expires_at - performance.now())
  if (!still.matches) {
    const from = `scaleX(${String(left / (token.expires_in * 1000))})`
    moving = fill.animate({ transform: [from, 'scaleX(0)'] }, { duration: left, fill: 'forwards' })
  }
  tick()
}

function tick() {
  if (!token) return
  const left = Math.max(0, token.expires_at - performance.now()) / 1000
  fill.style.transform = `scaleX(${String(left / token.expires_in)})`
  text.textContent = `${words(left)} of ${words(token.expires_in)} left`
  meter.ariaValueNow = String(Math.round(left))
  meter.ariaValueText = `${words(left)} left`
}

/** 75 → `1 min 15 s` */
function words(seconds: number): string {
  const [minutes, rest] = [Math.floor(Math.round(seconds) / 60), Math.round(seconds) % 60]
  return [minutes && `${String(minutes)} min`, (rest || !minutes) && `${String(rest)} s`]
    .filter(Boolean)
    .join(' ')
}

still.addEventListener('change', () => {
  showTokenLife(token)
})
setInterval(tick, 1000)
